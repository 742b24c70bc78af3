/** Accepting a call: within the bounds, onto the disk, and acknowledged (BEHAVIOUR 5, "Bounds", "Answer"). */
import { Effect } from "effect"
import { bytes, Settings } from "../../config/Settings.ts"
import { AgentName } from "../../domain/Ids.ts"
import { faultOf } from "../../storage/StorageFault.ts"
import { acknowledgement } from "../Acknowledgement.ts"
import { OutboxRefused } from "../Call.ts"
import * as EntryHappenings from "../delivery/EntryHappenings.ts"
import type { Place } from "../delivery/Lane.ts"
import type { Entry, EntryUpdate } from "../Entry.ts"
import type { Counters } from "../store/Counters.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import type { CallUnderWay, Reply } from "./CallUnderWay.ts"

export interface Acceptance {
  /** On disk when it returns; otherwise nothing was accepted. */
  readonly accept: (
    underWay: CallUnderWay,
    place: Place,
    attempts: number,
    update: EntryUpdate
  ) => Effect.Effect<Entry, OutboxRefused>
  /** The answer to a call that is on disk; it names the dead letters that its agent does not know of. */
  readonly acknowledge: (entry: Pick<Entry, "tool" | "key">, agent: string, position: number) => Effect.Effect<Reply>
  /** Dead letters that the agent does not know of, reported from now on; none while the disk fails. */
  readonly takeUnreported: (agent: string) => Effect.Effect<ReadonlyArray<Entry>>
}

const tooLarge = (size: number, max: number) =>
  new OutboxRefused({
    reason: "too large",
    detail: `a call of ${size} bytes cannot be queued, ${max} at most: send it while the relay is up, or split it`
  })

const full = (why: "full" | "full of dead letters") =>
  new OutboxRefused({
    reason: "full",
    detail: `the outbox is ${why}: the call was not accepted. ${
      why === "full"
        ? "Entries leave it as the relay takes them, or with"
        : "They leave it with \"holdfast outbox retry\" or"
    } "holdfast outbox discard"`
  })

const unwritable = (error: unknown) =>
  new OutboxRefused({
    reason: "storage",
    detail: `the call could not be written to disk and was not accepted (disk: ${
      faultOf(error)
    }). It can be sent live while the relay is up`
  })

export const make = Effect.fnUntraced(function*(counters: Counters) {
  const { outbox } = yield* Settings
  const store = yield* OutboxStore
  const tell = yield* EntryHappenings.make
  const maxEntryBytes = bytes(outbox.maxEntryBytes)

  const takeUnreported = (agent: string) =>
    Effect.suspend(() =>
      counters.unreported(agent) === 0
        ? Effect.succeed([])
        : Effect.orElseSucceed(store.takeUnreported(AgentName.make(agent)), () => [])
    )

  const acceptance: Acceptance = {
    accept: ({ call, key, occurredAt, onUnknown, wire }, { lane, seq }, attempts, update) =>
      Effect.suspend(() => {
        const size = Buffer.byteLength(wire.text)
        if (size > maxEntryBytes) return Effect.fail(tooLarge(size, maxEntryBytes))
        const reserved = counters.reserve(call.agent, size)
        if (reserved !== "reserved") return Effect.fail(full(reserved))
        const entry = {
          seq,
          agent: call.agent,
          lane: lane.name,
          tool: call.tool,
          key: key.key,
          argumentsHash: key.argumentsHash,
          request: wire.text,
          bytes: size,
          principal: call.principal,
          onUnknown,
          epoch: call.epoch,
          occurredAt,
          attempts
        }
        return store.insert(entry, update).pipe(
          Effect.tap((accepted) =>
            Effect.sync(() => {
              if (call.place !== undefined) call.place.entry = accepted.id
              // A dead letter is told of by who settles it.
              if (accepted.state !== "dead") tell("call.queued", accepted)
            })
          ),
          Effect.mapError(unwritable),
          Effect.ensuring(Effect.sync(() => counters.free(call.agent, size)))
        )
      }),
    acknowledge: ({ key, tool }, agent, position) =>
      Effect.map(takeUnreported(agent), (unreported) => ({
        _tag: "Queued",
        result: acknowledgement({ tool, key, position, unreported })
      })),
    takeUnreported
  }
  return acceptance
})
