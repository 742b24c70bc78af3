/** Accepting a call: within the bounds, onto the disk, and what is said of it (BEHAVIOUR 5, "Bounds", "Answer"). */
import { Context, Effect, Layer } from "effect"
import { bytes, Settings } from "../../config/Settings.ts"
import { faultOf } from "../../storage/StorageFault.ts"
import { acknowledgement } from "../Acknowledgement.ts"
import type { Entry } from "../Entry.ts"
import type { Place } from "../Lane.ts"
import { OutboxRefused } from "../OutboxRefused.ts"
import type { Standing } from "../Standing.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import { Tally } from "../store/Tally.ts"
import { Untold } from "../store/Untold.ts"
import type { Reply, Submitted } from "./Submission.ts"

export class Acceptance extends Context.Service<Acceptance, {
  /** On disk when it returns; otherwise nothing was accepted. */
  readonly accept: (
    submitted: Submitted,
    place: Place,
    attempts: number,
    standing: Standing
  ) => Effect.Effect<Entry, OutboxRefused>
  /** What is said of an entry that was accepted. */
  readonly acknowledge: (entry: Entry, position: number) => Effect.Effect<Reply>
}>()("holdfast/outbox/Acceptance") {
  static readonly layerNoDeps = Layer.effect(
    Acceptance,
    Effect.gen(function*() {
      const { outbox } = yield* Settings
      const store = yield* OutboxStore
      const tally = yield* Tally
      const untold = yield* Untold
      const largest = bytes(outbox.maxEntryBytes)

      return Acceptance.of({
        accept: Effect.fn("Outbox.accept")(function*({ draft }, place, attempts, standing) {
          if (draft.bytes > largest) {
            return yield* new OutboxRefused({
              reason: "too large",
              detail:
                `a call of ${draft.bytes} bytes cannot be queued, ${largest} at most: send it while the relay is up, `
                + "or split it"
            })
          }
          if (!tally.reserve(draft.bytes)) {
            return yield* new OutboxRefused({
              reason: "full",
              detail:
                "the outbox is full: the call was not accepted. Entries leave it as the relay takes them, or with "
                + "\"holdfast outbox discard\""
            })
          }
          return yield* store.insert(draft, place.seq, attempts, standing).pipe(
            Effect.mapError((error) =>
              new OutboxRefused({
                reason: "storage",
                detail: `the call could not be written to disk and was not accepted (disk: ${
                  faultOf(error)
                }). It can be sent live while the relay is up`
              })
            ),
            Effect.ensuring(Effect.sync(() => tally.free(draft.bytes)))
          )
        }),
        acknowledge: Effect.fnUntraced(function*(entry, position) {
          const letters = yield* untold.take(entry.agent)
          return {
            _tag: "Queued",
            result: acknowledgement({ tool: entry.tool, key: entry.key, position, untold: letters })
          }
        })
      })
    })
  )
}
