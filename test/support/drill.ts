/** What every drill asks of calls, lists and the ledger. */
import { assert } from "@effect/vitest"
import { Clock, Effect, Predicate } from "effect"
import type { CallResult } from "./ClientCall.ts"
import type { AgentClient } from "./Clients.ts"
import { eventually } from "./eventually.ts"
import type { TestRelay } from "./relay/TestRelay.ts"

export const send = (client: AgentClient, text: string) => client.call("relay_send_message", { to: "b", text })

export const isQueued = (result: CallResult): boolean =>
  Predicate.hasProperty(result.structuredContent, "queued") && result.structuredContent["queued"] === true

export const assertQueued = (result: CallResult): void => {
  assert.isTrue(isQueued(result), `expected an acknowledgement, got ${JSON.stringify(result)}`)
  assert.isTrue(Predicate.hasProperty(result.structuredContent, "note"))
  assert.notStrictEqual(result.isError, true)
}

/** The texts of the messages that the relay accepted, in order. */
export const texts = (relay: TestRelay) =>
  Effect.map(
    relay.ledger,
    (entries) =>
      entries.filter((entry) => entry.tool === "relay_send_message").map((entry) => String(entry.arguments["text"]))
  )

export const assertLedger = Effect.fnUntraced(function*(relay: TestRelay, expected: ReadonlyArray<string>) {
  yield* eventually("every write in the ledger", texts(relay), (found) => found.length >= expected.length)
  // A second delivery would come right behind the first.
  yield* Effect.sleep("300 millis")
  assert.deepStrictEqual(yield* texts(relay), expected)
})

export const timed = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const from = yield* Clock.currentTimeMillis
  const value = yield* effect
  return { value, millis: (yield* Clock.currentTimeMillis) - from }
})
