/** `outbox list`, `show` and `export`: they read the queue and change nothing. */
import { Console, DateTime, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { EntryDetail, EntryPage, EntryStateView, type EntryView } from "../../admin/OutboxView.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as Screen from "../../observability/Screen.ts"
import { DaemonClient, withDaemon } from "../DaemonClient.ts"
import { afterFlag, jsonFlag, limitFlag, optionalAgentFlag } from "../flags.ts"
import { colors, formatAge, now, printJson, table } from "../print.ts"
import * as Progress from "../Progress.ts"

const stateFlag = Flag.Literals("state", EntryStateView.literals).pipe(
  Flag.withDescription("Only entries in this state"),
  Flag.optional
)

const row = (now: DateTime.Utc) => (entry: EntryView) => [
  String(entry.id),
  entry.state,
  entry.agent,
  entry.tool,
  formatAge(now, entry.occurredAt),
  String(entry.attempts),
  entry.reason ?? entry.lastError ?? ""
]

export const list = Command.make(
  "list",
  {
    state: stateFlag,
    agent: optionalAgentFlag,
    limit: limitFlag,
    after: afterFlag("entries with a larger id", "ID"),
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
    yield* Console.log(
      table(["ID", "STATE", "AGENT", "TOOL", "AGE", "TRIES", "WHY"], page.entries.map(row(yield* now)))
    )
    if (page.next !== null) yield* Console.log(`more: --after ${page.next}`)
  })
).pipe(
  Command.withDescription("List accepted calls: waiting, held, dead, delivered"),
  Command.withExamples([
    { command: "holdfast outbox list --state dead", description: "List dead letters, each with its reason" },
    { command: "holdfast outbox list --agent reviewer --json", description: "List one agent's calls as JSON" }
  ]),
  withDaemon
)

const details = (entry: EntryDetail): ReadonlyArray<readonly [name: string, value: string | null]> => [
  ["id", String(entry.id)],
  ["state", entry.state],
  ["reason", entry.reason],
  ["last error", entry.lastError],
  ["relay", `${entry.relay} (${entry.destination})`],
  ["agent", entry.agent],
  ["lane", entry.lane],
  ["tool", entry.tool],
  ["key", entry.key],
  ["accepted", DateTime.formatIso(entry.occurredAt)],
  ["tries", String(entry.attempts)],
  ["settled", entry.settledAt === null ? null : DateTime.formatIso(entry.settledAt)],
  ["request", entry.request],
  ["result", entry.result]
]

export const show = Command.make(
  "show",
  {
    id: Argument.Int("id").pipe(Argument.withDescription("The entry's id, as \"outbox list\" shows it")),
    json: jsonFlag
  },
  Effect.fn(function*({ id, json }) {
    const daemon = yield* DaemonClient
    const entry = yield* daemon.ask((client) => client.outbox.show({ params: { id } }))
    if (json) return yield* printJson(EntryDetail)(entry)
    const paint = yield* colors
    for (const [name, value] of details(entry)) {
      if (value !== null) yield* Console.log(`${paint("dim", name.padEnd(10))}  ${value}`)
    }
  })
).pipe(
  Command.withDescription("Show one call with its arguments and the relay's answer"),
  Command.withExamples([{ command: "holdfast outbox show 42", description: "Show call 42" }]),
  withDaemon
)

const exportPage = 200

/** How many there are, as far as that is counted. */
const exported = Effect.fnUntraced(function*({ agent, state }: {
  readonly agent: AgentName | undefined
  readonly state: typeof EntryStateView.Type | undefined
}) {
  if (agent !== undefined) return undefined
  const daemon = yield* DaemonClient
  const { relays } = yield* daemon.ask((client) => client.status())
  const states = state === undefined ? EntryStateView.literals : [state]
  let count = 0
  for (const { outbox } of relays) for (const one of states) count += outbox[one]
  return count
})
const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.toCodecJson(EntryDetail)))

export const exportEntries = Command.make(
  "export",
  { state: stateFlag, agent: optionalAgentFlag },
  Effect.fn(function*({ agent, state }) {
    const daemon = yield* DaemonClient
    const filter = { limit: exportPage, state: Option.getOrUndefined(state), agent: Option.getOrUndefined(agent) }
    const print = Effect.fnUntraced(function*(after: number) {
      const { entries, next } = yield* daemon.ask((client) => client.outbox.export({ query: { ...filter, after } }))
      for (const entry of entries) yield* Console.log(Screen.plainJson(yield* Effect.orDie(encode(entry))))
      return Option.fromNullishOr(next)
    })
    const isOnScreen = process.stdout.isTTY === true
    const progress = isOnScreen ? Progress.none : yield* Progress.make("exported", yield* exported(filter))
    let count = 0
    let next = yield* print(0)
    while (Option.isSome(next)) {
      yield* progress.done(count += exportPage)
      next = yield* print(next.value)
    }
  }, Effect.scoped)
).pipe(
  Command.withDescription("Print accepted calls with arguments and answers, one line of JSON each"),
  Command.withExamples([
    { command: "holdfast outbox export --state dead >dead.jsonl", description: "Keep dead letters before a discard" }
  ]),
  withDaemon
)
