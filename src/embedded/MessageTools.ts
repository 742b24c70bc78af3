/** `relay_send_message`, `relay_reply`, `relay_inbox`, `relay_list_agents`. */
import { Clock, Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Caller } from "./EmbeddedTokens.ts"
import { Message, Messages, Sent } from "./Messages.ts"
import { described, key, reading, reads, writes, writing } from "./toolAnnotations.ts"
import { Writes } from "./Writes.ts"

export const MessageTools = Toolkit.make(
  Tool.make("relay_send_message", {
    description: "Send a message to another agent. It waits in that agent's inbox until it is read.",
    parameters: Schema.Struct({ to: described("The agent's name."), text: described("The message."), ...key }),
    success: Sent,
    ...writing
  }).annotateMerge(writes),
  Tool.make("relay_reply", {
    description: "Reply to a message that you received, or add to one that you sent.",
    parameters: Schema.Struct({ messageId: described("Its id."), text: described("The reply."), ...key }),
    success: Sent,
    ...writing
  }).annotateMerge(writes),
  Tool.make("relay_inbox", {
    description: "Read your messages, oldest first, 100 or 1 MiB at a time.",
    parameters: Schema.Struct({
      after: Schema.optionalKey(described("Only messages after the one with this id: the last that you have read."))
    }),
    success: Schema.Struct({ messages: Schema.Array(Message), more: Schema.Boolean }),
    ...reading
  }).annotateMerge(reads),
  Tool.make("relay_list_agents", {
    description: "List the agents that have used this relay, and when they last did.",
    success: Schema.Struct({
      agents: Schema.Array(Schema.Struct({ name: Schema.String, lastSeenAt: Schema.Int }))
    }),
    ...reading
  }).annotateMerge(reads)
)

export const layer = MessageTools.toLayer(Effect.gen(function*() {
  const messages = yield* Messages
  const { once } = yield* Writes

  const caller = Effect.gen(function*() {
    const agent = yield* Caller
    yield* messages.seen(agent, Math.floor(yield* Clock.currentTimeMillis))
    return agent
  })
  /** Who only reads takes no room. */
  const reader = Effect.catchTag(caller, "Refused", () => Caller)

  return MessageTools.of({
    relay_send_message: Effect.fnUntraced(function*({ idempotencyKey, ...args }) {
      const agent = yield* caller
      return yield* once(
        { agent, tool: "relay_send_message", key: idempotencyKey, arguments: args },
        Sent,
        (now) => messages.send({ from: agent, ...args }, now)
      )
    }),
    relay_reply: Effect.fnUntraced(function*({ idempotencyKey, ...args }) {
      const agent = yield* caller
      return yield* once(
        { agent, tool: "relay_reply", key: idempotencyKey, arguments: args },
        Sent,
        (now) => messages.reply({ from: agent, ...args }, now)
      )
    }),
    relay_inbox: Effect.fnUntraced(function*({ after }) {
      return yield* messages.inbox(yield* reader, after)
    }),
    relay_list_agents: Effect.fnUntraced(function*() {
      yield* reader
      return { agents: yield* messages.agents }
    })
  })
}))
