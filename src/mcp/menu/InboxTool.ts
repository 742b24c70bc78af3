/** The tool by which an agent reads its own inbox, where `inbox.tool` names one. */
import { DateTime, Effect, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import { Inbox } from "../../inbox/Inbox.ts"
import type { InboxMessage } from "../../inbox/InboxMessage.ts"
import type { LocalTool } from "./LocalTools.ts"

const maxListed = 100

/** None where the setting names none. */
export const make: Effect.Effect<ReadonlyArray<LocalTool>, never, Settings | Inbox> = Effect.gen(function*() {
  const { inbox: { tool: name } } = yield* Settings
  if (name === undefined) return []
  const inbox = yield* Inbox
  const tool: LocalTool = {
    name,
    definition: definitionOf(name),
    call: Effect.fnUntraced(
      function*(agent, args) {
        const id = Predicate.hasProperty(args, "id") ? args.id : undefined
        if (id === undefined) return listed(yield* inbox.list({ agent, unread: true, limit: maxListed }))
        if (!Predicate.isString(id)) return failed("id has to be a text")
        const found = yield* inbox.read(id, agent)
        if (Option.isNone(found)) {
          return failed(`no message for this agent has the id ${JSON.stringify(id)}: call the tool without an id`)
        }
        return shown(found.value)
      },
      Effect.catch(({ message }) => Effect.succeed(failed(message)))
    )
  }
  return [tool]
})

const definitionOf = (name: string): string =>
  JSON.stringify({
    name,
    title: "Inbox",
    description:
      "Messages for this agent from outside: from people, or from the platform that it runs on. Without an id "
      + "it lists those that are unread, with one it gives that message, which counts as read then. It changes nothing else.",
    inputSchema: {
      type: "object",
      properties: { id: { type: "string", description: "Which message, as the list or a note names it" } },
      additionalProperties: false
    },
    annotations: { readOnlyHint: true, idempotentHint: true, destructiveHint: false, openWorldHint: false }
  })

const content = (...texts: ReadonlyArray<string>): string =>
  `{"content":[${texts.map((text) => JSON.stringify({ type: "text", text })).join(",")}]}`

const failed = (text: string): string => `{"content":[${JSON.stringify({ type: "text", text })}],"isError":true}`

const line = ({ at, bytes, from, id }: InboxMessage): string =>
  `${JSON.stringify(id)} from ${JSON.stringify(from)}, ${DateTime.formatIso(DateTime.makeUnsafe(at))}, ${bytes} bytes`

const listed = (messages: ReadonlyArray<InboxMessage>): string =>
  content(messages.length === 0 ? "No message is unread." : messages.map(line).join("\n"))

const shown = (message: InboxMessage): string =>
  content(`Message ${line(message)}`, Option.getOrElse(message.body, () => "(Its text is not kept any more.)"))
