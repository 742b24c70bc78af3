import { Clock, Console, DateTime, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { EntryPage, EntryStateView, type EntryView } from "../../admin/OutboxView.ts"
import { optionalAgentFlag } from "../agentFlag.ts"
import { apart } from "../apart.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { table } from "../table.ts"
import { withDaemon } from "../withDaemon.ts"

const row = (now: DateTime.Utc) => (entry: EntryView) => [
  String(entry.id),
  entry.state,
  entry.agent,
  entry.tool,
  apart(now, entry.occurredAt),
  String(entry.attempts),
  entry.reason ?? entry.lastError ?? ""
]

export const list = Command.make(
  "list",
  {
    state: Flag.Literals("state", EntryStateView.literals).pipe(
      Flag.withDescription("Only entries in this state"),
      Flag.optional
    ),
    agent: optionalAgentFlag,
    limit: Flag.Int("limit").pipe(
      Flag.withDescription("At most so many (default: 100, at most 1000)"),
      Flag.withMetavar("N"),
      Flag.filter((n) => n >= 1 && n <= 1000, (n) => `expected 1 to 1000, got ${n}`),
      Flag.withDefault(100)
    ),
    after: Flag.Int("after").pipe(
      Flag.withDescription("Only entries with a larger id"),
      Flag.withMetavar("ID"),
      Flag.optional
    ),
    json: jsonFlag
  },
  Effect.fn(function*({ state, agent, limit, after, json }) {
    const daemon = yield* DaemonClient
    const page = yield* daemon.ask((client) =>
      client.outbox.list({
        query: {
          limit,
          state: Option.getOrUndefined(state),
          agent: Option.getOrUndefined(agent),
          after: Option.getOrUndefined(after)
        }
      })
    )
    if (json) return yield* printJson(EntryPage)(page)
    if (page.entries.length === 0) return yield* Console.log("nothing there")
    const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
    yield* Console.log(
      table(["ID", "STATE", "AGENT", "TOOL", "AGE", "TRIES", "WHY"], page.entries.map(row(now)))
    )
    if (page.next !== null) yield* Console.log(`more: --after ${page.next}`)
  })
).pipe(Command.withDescription("List accepted calls: waiting, held, dead, delivered"), withDaemon)
