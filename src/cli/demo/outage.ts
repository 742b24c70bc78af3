/** The outage as one client meets it: a call, the relay is killed, calls and a list, the relay is back, the inbox. */
import { Clock, Data, Effect, Option, Schema } from "effect"
import { CommandFailed } from "../Failures.ts"
import { McpClient } from "./McpClient.ts"
import { step } from "./Narration.ts"
import type { Running } from "./Programs.ts"

// What the answers have to look like.

const Queued = Schema.Struct({
  structuredContent: Schema.Struct({ queued: Schema.Literal(true), note: Schema.String })
})

const Answered = Schema.Struct({ structuredContent: Schema.Struct({ messageId: Schema.String }) })

const Inbox = Schema.Struct({
  structuredContent: Schema.Struct({ messages: Schema.Array(Schema.Struct({ text: Schema.String })) })
})

const Listed = Schema.Struct({ tools: Schema.NonEmptyArray(Schema.Struct({ name: Schema.String })) })

/** Decodes an answer; fails where it is not as expected. */
const expected = <A, I>(schema: Schema.Codec<A, I>, what: string) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (answer: unknown) =>
    Effect.mapError(
      decode(answer),
      () => new CommandFailed({ message: `the demonstration expected ${what}, got ${JSON.stringify(answer)}` })
    )
}

export const sentences = ["before the outage", "during the outage", "and one more"] as const

/** What the client got for a request. */
export type Outcome = Data.TaggedEnum<{ Answered: {}; Queued: {}; Failed: {} }>
export const Outcome = Data.taggedEnum<Outcome>()

const timed = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const from = yield* Clock.currentTimeMillis
  const value = yield* effect
  return { value, millis: Math.round((yield* Clock.currentTimeMillis) - from) }
})

const isQueued = Schema.decodeUnknownOption(Queued)

/** A failed request is one of the things to show, not the end of the demonstration. */
const failed = (label: string, what: string) => ({ message }: CommandFailed) =>
  Effect.as(step("bad", label, `${what}: ${message}`), Outcome.Failed())

const send = (text: string, showNote = false) =>
  Effect.gen(function*() {
    const mcp = yield* McpClient
    const { millis, value } = yield* timed(
      mcp.request("tools/call", { name: "relay_send_message", arguments: { to: "default", text } })
    )
    const queued = isQueued(value)
    if (Option.isSome(queued)) {
      const { note } = queued.value.structuredContent
      yield* step(
        "good",
        "send",
        `“${text}” is queued, in ${millis} ms${showNote ? `. The agent reads: “${note}”` : ""}`
      )
      return Outcome.Queued()
    }
    yield* expected(Answered, "the relay's answer")(value)
    yield* step("good", "send", `“${text}” is answered by the server, in ${millis} ms`)
    return Outcome.Answered()
  }).pipe(Effect.catchTag("CommandFailed", failed("send", `“${text}” fails`)))

const list = Effect.gen(function*() {
  const mcp = yield* McpClient
  const { millis, value } = yield* timed(mcp.request("tools/list", {}))
  const { tools } = yield* expected(Listed, "a list of tools")(value)
  yield* step("good", "tools", `the agent still sees its ${tools.length} tools, in ${millis} ms`)
  return Outcome.Answered()
}).pipe(Effect.catchTag("CommandFailed", failed("tools", "the agent has no list of tools")))

/** The texts that arrived, read through the client in force. */
export const inbox = Effect.gen(function*() {
  const mcp = yield* McpClient
  const answer = yield* mcp.request("tools/call", { name: "relay_inbox", arguments: {} })
  const { structuredContent } = yield* expected(Inbox, "the inbox")(answer)
  return structuredContent.messages.map(({ text }) => text)
})

export const outage = Effect.fn("demo.outage")(function*<E, R>(relay: Running, restart: Effect.Effect<Running, E, R>) {
  const before = yield* send(sentences[0])
  yield* relay.kill
  yield* step("event", "kill", `the server is killed (SIGKILL to process ${relay.pid})`)
  const during = [yield* send(sentences[1], true), yield* send(sentences[2]), yield* list]
  const again = yield* restart
  yield* step("event", "restart", `the server is back (process ${again.pid}); it remembers no session`)
  return [before, ...during].map(({ _tag }) => _tag)
})
