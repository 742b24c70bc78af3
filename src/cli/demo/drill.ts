/** The outage drill, narrated: call, kill, queue, restart, delivered once. Fails where anything is not as told. */
import { Clock, Console, Effect, Schedule } from "effect"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed } from "../Failures.ts"
import { colors } from "../print.ts"
import { McpClient } from "./McpClient.ts"
import type { Running } from "./Programs.ts"
import { Delivered, Inbox, Listed, Queued, told } from "./Told.ts"

const sentences = ["before the outage", "while the relay is dead", "and one more, in order"] as const

const say = Effect.fnUntraced(function*(step: string, text: string) {
  const paint = yield* colors
  yield* Console.log(`${paint("bold", step.padEnd(9))} ${text}`)
  yield* Effect.sleep("1700 millis")
})

const timed = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const from = yield* Clock.currentTimeMillis
  const value = yield* effect
  return { value, millis: Math.round((yield* Clock.currentTimeMillis) - from) }
})

/** Until the outbox holds nothing that waits; 15 s at most. */
const drained = Effect.gen(function*() {
  const daemon = yield* DaemonClient
  const { relays } = yield* daemon.ask((client) => client.status())
  const waiting = relays.reduce((sum, { outbox }) => sum + outbox.pending + outbox.inflight + outbox.held, 0)
  const dead = relays.reduce((sum, { outbox }) => sum + outbox.dead, 0)
  if (waiting > 0 || dead > 0) {
    return yield* new CommandFailed({ message: `not delivered: ${waiting} still wait, ${dead} are dead letters` })
  }
}).pipe(Effect.retry(Schedule.upTo(Schedule.spaced("100 millis"), { duration: "15 seconds" })))

export const drill = Effect.fn("demo.drill")(function*<E, R>(relay: Running, restart: Effect.Effect<Running, E, R>) {
  const mcp = yield* McpClient
  const send = (text: string) =>
    timed(mcp.request("tools/call", { name: "relay_send_message", arguments: { to: "default", text } }))

  const first = yield* send(sentences[0])
  yield* told(Delivered, "the relay's answer")(first.value)
  yield* say("call", `relay_send_message is answered by the relay, in ${first.millis} ms`)

  yield* relay.kill
  yield* say("kill", `SIGKILL to the relay, process ${relay.pid}`)

  for (const text of sentences.slice(1)) {
    const queued = yield* send(text)
    const { structuredContent } = yield* told(Queued, "a queued acknowledgement")(queued.value)
    yield* say("queue", `the same call is answered in ${queued.millis} ms:\n          “${structuredContent.note}”`)
  }
  const list = yield* timed(mcp.request("tools/list", {}))
  const { tools } = yield* told(Listed, "the kept list")(list.value)
  yield* say("list", `the agent's menu is still there: ${tools.length} tools, in ${list.millis} ms`)

  const again = yield* restart
  yield* say("restart", `the relay is back, process ${again.pid}, and remembers no session`)
  const delivery = yield* timed(drained)
  yield* say("deliver", `the outbox is empty ${delivery.millis} ms later`)

  const inbox = yield* mcp.request("tools/call", { name: "relay_inbox", arguments: {} })
  const { structuredContent } = yield* told(Inbox, "the inbox")(inbox)
  const texts = structuredContent.messages.map(({ text }) => text)
  if (texts.join("\n") !== sentences.join("\n")) {
    return yield* new CommandFailed({ message: `not as told: the inbox holds ${JSON.stringify(texts)}` })
  }
  yield* say("inbox", "each message once, in order, through the same session as at first:")
  for (const text of texts) yield* Console.log(`            ${text}`)
})
