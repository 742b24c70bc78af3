/** Both halves of the demonstration, with the same client. Each fails where anything is not as it says. */
import { Effect, Option, Schedule } from "effect"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed } from "../Failures.ts"
import { step } from "./Narration.ts"
import { inbox, outage, sentences } from "./outage.ts"
import type { Running } from "./Programs.ts"

const ensureEqual = (what: string, got: ReadonlyArray<string>, wanted: ReadonlyArray<string>) =>
  JSON.stringify(got) === JSON.stringify(wanted)
    ? Effect.void
    : Effect.fail(
      new CommandFailed({ message: `the demonstration expected ${what} ${wanted.join(", ")}; got ${got.join(", ")}` })
    )

/** The client speaks to the server itself. `anew` runs an effect with a client that has a new session. */
export const without = Effect.fn("demo.without")(function*<E, R, E2, R2>(
  relay: Running,
  restart: Effect.Effect<Running, E, R>,
  anew: (read: typeof inbox) => Effect.Effect<ReadonlyArray<string>, E2, R2>
) {
  yield* ensureEqual("the outcomes", yield* outage(relay, restart), ["Answered", "Failed", "Failed", "Failed"])
  const refusal = yield* Effect.match(inbox, {
    onFailure: ({ message }) => Option.some(message),
    onSuccess: () => Option.none<string>()
  })
  if (Option.isNone(refusal)) return yield* new CommandFailed({ message: "the server still knows the session" })
  yield* step("bad", "inbox", `the client's session is dead: ${refusal.value}`)
  const texts = yield* anew(inbox)
  yield* ensureEqual("the inbox", texts, [sentences[0]])
  yield* step("bad", "inbox", `after a reconnect: ${texts.length} of ${sentences.length} messages; two are lost`)
})

/** Until the outbox holds nothing that waits; 30 s at most. */
const drained = Effect.gen(function*() {
  const daemon = yield* DaemonClient
  const { relays } = yield* daemon.ask((client) => client.status())
  const waiting = relays.reduce((sum, { outbox }) => sum + outbox.pending + outbox.inflight + outbox.held, 0)
  const dead = relays.reduce((sum, { outbox }) => sum + outbox.dead, 0)
  if (waiting > 0 || dead > 0) {
    return yield* new CommandFailed({ message: `not delivered: ${waiting} still wait, ${dead} are dead letters` })
  }
}).pipe(Effect.retry(Schedule.upTo(Schedule.spaced("100 millis"), { duration: "30 seconds" })))

/** The client speaks to Holdfast, and Holdfast to the server. */
export const through = Effect.fn("demo.through")(
  function*<E, R>(relay: Running, restart: Effect.Effect<Running, E, R>) {
    yield* ensureEqual("the outcomes", yield* outage(relay, restart), ["Answered", "Queued", "Queued", "Answered"])
    yield* drained
    yield* step("good", "deliver", "Holdfast has delivered what was queued")
    const texts = yield* inbox
    yield* ensureEqual("the inbox", texts, sentences)
    yield* step("good", "inbox", `in the same session: all ${texts.length} messages, each once, in order`)
  }
)
