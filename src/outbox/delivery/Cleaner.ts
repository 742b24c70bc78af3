/**
 * What time does to the outbox (BEHAVIOUR 5, "Bounds" and "Bound to its destination"): pending entries expire, delivered
 * ones go, those beyond an agent's bound sooner, and a change of the token frees what was held for it.
 *
 * A disk that fails is not this fiber's failure: each pass starts from what is on disk, so the next one makes up for it.
 */
import { Clock, Duration, Effect, Stream } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import type { Counters } from "../store/Counters.ts"
import { batchSize, OutboxStore } from "../store/OutboxStore.ts"
import type { Lanes } from "./Lanes.ts"
import type { Settlement } from "./Settlement.ts"

const interval = "5 minutes"

export const start = Effect.fnUntraced(function*(counters: Counters, lanes: Lanes, { died }: Settlement) {
  const { outbox: { expireAfter, keepDelivered } } = yield* Settings
  const store = yield* OutboxStore
  const token = yield* LiveToken
  const { supervise } = yield* Supervisor
  const reason = `expired: it was not delivered within ${Duration.format(expireAfter)}`

  const expire = Effect.gen(function*() {
    const before = Math.floor(yield* Clock.currentTimeMillis) - Duration.toMillis(expireAfter)
    while (true) {
      const expired = yield* store.expire(before, reason)
      yield* died(expired)
      if (expired.length < batchSize) return
    }
  })

  const purge = Effect.gen(function*() {
    const before = Math.floor(yield* Clock.currentTimeMillis) - Duration.toMillis(keepDelivered)
    while ((yield* store.purge(before)) === batchSize) yield* Effect.yieldNow
  })

  const rebind = Effect.fnUntraced(function*(agent: AgentName) {
    yield* store.rebind(agent, yield* token.principal(agent))
  })

  yield* Effect.all([
    Effect.suspend(() => Effect.forEach(counters.agents(), rebind)),
    Effect.when(expire, Effect.sync(() => counters.of("pending") > 0)),
    Effect.when(purge, Effect.sync(() => counters.of("delivered") > 0))
  ]).pipe(
    Effect.ignore,
    Effect.andThen(Effect.sleep(interval)),
    Effect.forever,
    supervise("outbox-cleaner")
  )
  yield* counters.delivered.hasSurplus.await.pipe(
    Effect.andThen(Effect.suspend(() => store.removeDelivered(counters.delivered.takeSurplus()))),
    Effect.ignore,
    Effect.forever,
    supervise("outbox-surplus")
  )
  yield* token.changes.pipe(
    Stream.runForEach(({ agent }) =>
      Effect.gen(function*() {
        yield* rebind(agent)
        yield* store.freeHeld(agent)
        lanes.recheck(agent)
      }).pipe(Effect.ignore)
    ),
    supervise("outbox-tokens")
  )
})
