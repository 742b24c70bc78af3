/** Relays that come and go with the configuration while the daemon runs. */
import { Context, Effect, Layer, Semaphore } from "effect"
import * as RelayReload from "../admin/RelayReload.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { PresentTargets, RelaySource } from "./RelayTargets.ts"
import { ServedRelays } from "./ServedRelays.ts"
import { shutdown } from "./Stopping.ts"

export const relayReload = Layer.effect(
  RelayReload.RelayReload,
  Effect.gen(function*() {
    const served = yield* ServedRelays
    const oneAtATime = yield* Semaphore.make(1)
    const reload = RelayReload.make({
      reread: yield* RelaySource,
      present: yield* PresentTargets,
      start: served.add,
      stop: Effect.fnUntraced(function*(id) {
        let undelivered = 0
        yield* served.remove(id, (relay) =>
          Effect.gen(function*() {
            yield* shutdown([relay])
            const { dead, held, inflight, pending } = yield* Context.get(relay, Outbox).stats
            undelivered = dead + held + inflight + pending
          }))
        return undelivered
      })
    })
    return { reload: oneAtATime.withPermit(reload) }
  })
)
