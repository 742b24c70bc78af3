/** What an operator does to entries, with a line in the log for each: what was done to which call, and why. */
import { Effect, Option } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import { LiveToken } from "../token/LiveToken.ts"
import type { Entry } from "./Entry.ts"
import { OutboxKeeping } from "./store/OutboxKeeping.ts"
import { OutboxStore } from "./store/OutboxStore.ts"

// Each is a write of its own, and those that arrive together share a commit.
const together = { concurrency: "unbounded" } as const

export const make = Effect.gen(function*() {
  const { id: relay } = yield* RelayTarget
  const token = yield* LiveToken
  const store = yield* OutboxStore
  const keeping = yield* OutboxKeeping

  /** In order of id, so that they come to the tail of their lane in the order in which they were accepted. */
  const found = (ids: ReadonlyArray<number>) =>
    Effect.map(
      Effect.forEach([...new Set(ids)].sort((a, b) => a - b), store.find),
      (entries) => entries.flatMap(Option.toArray)
    )

  const noted = (what: string, { agent, id, key, state, tool }: Entry, reason: string) =>
    Effect.logInfo(`a call in the outbox was ${what}`, { relay, entry: id, agent, tool, key, was: state, reason })

  return {
    retry: Effect.fn("Outbox.retry")(function*(ids: ReadonlyArray<number>, reason = "an operator asked for it") {
      const bound = yield* Effect.forEach(
        yield* found(ids),
        (entry) => Effect.map(token.principal(entry.agent), (principal) => ({ entry, principal }))
      )
      const done = yield* Effect.filter(bound, ({ entry, principal }) => keeping.retry(entry.id, principal), together)
      yield* Effect.forEach(done, ({ entry }) => noted("put back in line", entry, reason), { discard: true })
      return done.map(({ entry }) => entry.id)
    }, Effect.orDie),

    discard: Effect.fn("Outbox.discard")(function*(ids: ReadonlyArray<number>, reason: string) {
      const gone = yield* Effect.filter(yield* found(ids), ({ id }) => keeping.discard(id), together)
      yield* Effect.forEach(gone, (entry) => noted("discarded", entry, reason), { discard: true })
      return gone.map(({ id }) => id)
    }, Effect.orDie)
  }
})
