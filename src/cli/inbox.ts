/** `inbox list` lists messages for agents; `inbox read` prints one, which counts as read from then on. */
import { Console, DateTime, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { InboxMessageDetail, type InboxMessageView, InboxPage } from "../admin/InboxView.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { afterFlag, jsonFlag, limitFlag, optionalAgentFlag } from "./flags.ts"
import { colors, formatAge, now, printJson, table } from "./print.ts"

const row = (now: DateTime.Utc) => (message: InboxMessageView) => [
  message.id,
  message.agent,
  message.from,
  formatAge(now, message.at),
  String(message.bytes),
  message.readAt === null ? "no" : "yes"
]

const list = Command.make(
  "list",
  {
    agent: optionalAgentFlag,
    unread: Flag.Boolean("unread").pipe(
      Flag.withDescription("Only what nobody has read"),
      Flag.withDefault(false)
    ),
    limit: limitFlag,
    after: afterFlag("messages with a larger number", "N"),
    json: jsonFlag
  },
  Effect.fn(function*({ after, agent, json, limit, unread }) {
    const daemon = yield* DaemonClient
    const page = yield* daemon.ask((client) =>
      client.inbox.list({
        query: {
          limit,
          agent: Option.getOrUndefined(agent),
          after: Option.getOrUndefined(after),
          unread: unread ? "true" : undefined
        }
      })
    )
    if (json) return yield* printJson(InboxPage)(page)
    if (page.messages.length === 0) return yield* Console.log("nothing there")
    yield* Console.log(table(["ID", "AGENT", "FROM", "AGE", "BYTES", "READ"], page.messages.map(row(yield* now))))
    if (page.next !== null) yield* Console.log(`more: --after ${page.next}`)
  })
).pipe(
  Command.withDescription("List messages for agents, without their text"),
  Command.withExamples([
    { command: "holdfast inbox list --unread", description: "List what nobody has read" },
    { command: "holdfast inbox list --agent reviewer --json", description: "List one agent's messages as JSON" }
  ]),
  withDaemon
)

const read = Command.make(
  "read",
  {
    id: Argument.String("id").pipe(Argument.withDescription("The message's id, as \"inbox list\" shows it")),
    json: jsonFlag
  },
  Effect.fn(function*({ id, json }) {
    const daemon = yield* DaemonClient
    const message = yield* daemon.ask((client) => client.inbox.read({ payload: { id } }))
    if (json) return yield* printJson(InboxMessageDetail)(message)
    const paint = yield* colors
    const head = `${message.from} to ${message.agent}, ${DateTime.formatIso(message.at)}`
    yield* Console.log(paint("dim", head))
    yield* Console.log(message.body ?? "(its text is not kept any more)")
  })
).pipe(
  Command.withDescription("Print one message, which counts as read from then on"),
  Command.withExamples([{ command: "holdfast inbox read message-1", description: "Read a message" }]),
  withDaemon
)

export const inbox = Command.make("inbox").pipe(
  Command.withDescription("Messages from outside for agents"),
  Command.withExamples([{ command: "holdfast inbox list --unread", description: "List what nobody has read" }]),
  Command.withSubcommands([list, read])
)
