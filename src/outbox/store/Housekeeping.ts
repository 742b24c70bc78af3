/**
 * What time does to the outbox (BEHAVIOUR 5, "Bounds" and "Bound to its destination"): pending entries expire, delivered
 * ones go, and a change of the token frees what was held for it.
 *
 * A disk that fails is not this fiber's failure: each pass starts from what is on disk, so the next one makes up for it.
 */
import { Clock, Duration, Effect, Layer, Stream } from "effect"
import { Settings } from "../../config/Settings.ts"
import { AgentName } from "../../domain/Ids.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import { Settlement } from "../delivery/Settlement.ts"
import { Lanes } from "../Lanes.ts"
import { OutboxKeeping, portion } from "./OutboxKeeping.ts"
import { OutboxWriter } from "./OutboxWriter.ts"
import { Tally } from "./Tally.ts"

const make = Effect.gen(function*() {
  const { outbox } = yield* Settings
  const keeping = yield* OutboxKeeping
  const writer = yield* OutboxWriter
  const settlement = yield* Settlement
  const lanes = yield* Lanes
  const tally = yield* Tally
  const token = yield* LiveToken
  const { supervise } = yield* Supervisor

  const inWords = `expired: it was not delivered within ${Duration.format(outbox.expireAfter)}`

  const expire = Effect.gen(function*() {
    const now = Math.floor(yield* Clock.currentTimeMillis)
    while (true) {
      const expired = yield* keeping.expire(now - Duration.toMillis(outbox.expireAfter), inWords)
      yield* settlement.died(expired)
      if (expired.length < portion) return
    }
  })

  const purge = Effect.gen(function*() {
    const now = Math.floor(yield* Clock.currentTimeMillis)
    while ((yield* keeping.purge(now - Duration.toMillis(outbox.keepDelivered))) === portion) yield* Effect.yieldNow
  })

  const bind = Effect.fnUntraced(function*(agent: AgentName) {
    yield* keeping.rebind(agent, yield* token.principal(agent))
    yield* keeping.freeHeld(agent)
    lanes.recheck(agent)
  })

  const bindAll = Effect.gen(function*() {
    for (const agent of yield* keeping.agents) {
      const name = AgentName.make(agent)
      yield* keeping.rebind(name, yield* token.principal(name))
    }
  })

  yield* Effect.all([
    Effect.when(bindAll, Effect.sync(() => tally.of("pending") + tally.of("held") + tally.of("parked") > 0)),
    Effect.when(expire, Effect.sync(() => tally.of("pending") > 0)),
    Effect.when(purge, Effect.sync(() => tally.of("delivered") > 0))
  ]).pipe(
    Effect.ignore,
    Effect.andThen(Effect.sleep("5 minutes")),
    Effect.forever,
    supervise("outbox-housekeeping")
  )
  // Somebody has to find out that the disk works again, also while no call does.
  yield* Effect.all([writer.unwritable, Effect.sleep("5 seconds"), Effect.ignore(keeping.touch)]).pipe(
    Effect.forever,
    supervise("outbox-disk")
  )
  yield* token.changes.pipe(
    Stream.runForEach(({ agent }) => Effect.ignore(bind(agent))),
    supervise("outbox-tokens")
  )
})

export const layerNoDeps = Layer.effectDiscard(make)
