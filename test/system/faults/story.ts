/** What happens in the life of a queue: calls that wait, are handed over, fail, are refused and retried. */
import { Effect, Fiber } from "effect"
import type { Outbox, Submission } from "../../../src/outbox/Outbox.ts"
import { advance, idle } from "../../support/outbox/advance.ts"
import { keyed } from "../../support/outbox/calls.ts"
import { answers, type Behaviour, errs, FakeRelay, refuses } from "../../support/outbox/FakeRelay.ts"

const keyIn = (text: string): string => JSON.parse(text).params._meta["holdfast/idempotencyKey"]

/** A relay that dedupes: what it carried out, in order. */
export const carrying = (carriedOut: Array<string>): Behaviour => (text) =>
  Effect.suspend(() => {
    if (!carriedOut.includes(keyIn(text))) carriedOut.push(keyIn(text))
    return answers(text)
  })

export type Calls = Map<string, Fiber.Fiber<Submission, unknown>>

export const lettersOf = (outbox: Outbox["Service"]) => outbox.list({ state: "dead" })

/** Those whose callers were told that they are queued. */
export const acceptedOf = (calls: Calls): ReadonlyArray<string> =>
  [...calls].flatMap(([key, fiber]) => {
    const exit = fiber.pollUnsafe()
    return exit?._tag === "Success" && exit.value._tag === "Queued" ? [key] : []
  })

export const caller = Effect.fnUntraced(function*(outbox: Outbox["Service"], calls: Calls) {
  const relay = yield* FakeRelay
  return Effect.fnUntraced(function*(key: string, lane: string) {
    const submitted = outbox.submit(keyed(key, { args: { to: lane } }), (wire) => relay.receive(wire.text))
    calls.set(key, yield* Effect.forkChild(submitted, { startImmediately: true }))
  })
})

/** In lane x, `a` before `b` before `c`. */
export const story = Effect.fnUntraced(function*(outbox: Outbox["Service"], calls: Calls, carries: Behaviour) {
  const relay = yield* FakeRelay
  const call = yield* caller(outbox, calls)
  yield* relay.down
  for (const key of ["a", "b", "c"]) yield* call(key, "x")
  yield* advance("1 second")
  yield* relay.behave(carries)
  yield* relay.up
  yield* advance("5 seconds")
  // Handed over, and settled by its late answer.
  yield* relay.behave((text) => Effect.andThen(Effect.sleep("25 seconds"), carries(text)))
  yield* call("slow", "y")
  yield* call("behind", "y")
  yield* advance("1 minute")
  yield* relay.behave(errs(-32603, "busy"))
  yield* relay.down
  yield* call("busy", "z")
  yield* idle
  yield* relay.up
  yield* advance("3 seconds")
  yield* relay.behave(refuses("no"))
  yield* advance("1 minute")
  yield* relay.behave(carries)
  // What an operator asks of a disk that fails, fails; a lock is waited for.
  yield* Effect.forkChild(
    Effect.exit(Effect.flatMap(lettersOf(outbox), (letters) => outbox.retry(letters.map(({ id }) => id))))
  )
  yield* advance("1 minute")
})
