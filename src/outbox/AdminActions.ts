/** What an admin does to entries, with a line in the log for each: what was done to which call, and why. */
import { Effect, Option } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import { LiveToken } from "../token/LiveToken.ts"
import type { Lanes } from "./delivery/Lanes.ts"
import type { Entry } from "./Entry.ts"
import { OutboxStore } from "./store/OutboxStore.ts"

// Each is a write of its own, and those that arrive together share a commit.
const sharingCommits = { concurrency: "unbounded" } as const

export const make = Effect.fnUntraced(function*(lanes: Lanes) {
  const { id: relay } = yield* RelayTarget
  const token = yield* LiveToken
  const store = yield* OutboxStore

  /** In order of id, so that they come to the tail of their lane in the order in which they were accepted. */
  const found = (ids: ReadonlyArray<number>) =>
    Effect.map(
      Effect.forEach([...new Set(ids)].sort((a, b) => a - b), store.find),
      (entries) => entries.flatMap(Option.toArray)
    )

  const log = (what: string, { agent, id, key, state, tool }: Entry, reason: string) =>
    Effect.logInfo(`a call in the outbox was ${what}`, { relay, entry: id, agent, tool, key, was: state, reason })

  return {
    retry: Effect.fn("Outbox.retry")(function*(ids: ReadonlyArray<number>, reason = "an operator asked for it") {
      const bound = yield* Effect.forEach(
        yield* found(ids),
        (entry) => Effect.map(token.principal(entry.agent), (principal) => ({ entry, principal }))
      )
      const done = yield* Effect.filter(
        bound,
        ({ entry, principal }) => store.retry(entry.id, principal, lanes.nextSeq()),
        sharingCommits
      )
      yield* Effect.forEach(done, ({ entry }) => log("put back in line", entry, reason), { discard: true })
      return done.map(({ entry }) => entry.id)
    }, Effect.orDie),

    discard: Effect.fn("Outbox.discard")(function*(ids: ReadonlyArray<number>, reason: string) {
      const gone = yield* Effect.filter(yield* found(ids), ({ id }) => store.discard(id), sharingCommits)
      yield* Effect.forEach(gone, (entry) => log("discarded", entry, reason), { discard: true })
      return gone.map(({ id }) => id)
    }, Effect.orDie)
  }
})
