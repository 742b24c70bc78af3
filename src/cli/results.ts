/** `results` lists results that are kept for agents that were gone when they came; `results show` prints one. */
import { Console, DateTime, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { ResultDetail, ResultPage, type ResultView } from "../admin/ResultsView.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { afterFlag, jsonFlag, limitFlag, optionalAgentFlag } from "./flags.ts"
import { colors, formatAge, now, printJson, table } from "./print.ts"

const row = (now: DateTime.Utc) => (result: ResultView) => [
  String(result.id),
  result.state,
  result.agent,
  result.tool,
  formatAge(now, result.calledAt),
  String(result.bytes),
  result.toldAt === null ? "no" : "yes"
]

const details = (result: ResultDetail): ReadonlyArray<readonly [name: string, value: string | null]> => [
  ["id", String(result.id)],
  ["state", result.state],
  ["relay", result.relay],
  ["agent", result.agent],
  ["tool", result.tool],
  ["called", DateTime.formatIso(result.calledAt)],
  ["ended", result.endedAt === null ? null : DateTime.formatIso(result.endedAt)],
  ["told", result.toldAt === null ? null : DateTime.formatIso(result.toldAt)],
  ["response", result.response]
]

const show = Command.make(
  "show",
  {
    id: Argument.Int("id").pipe(Argument.withDescription("The result's id, as \"results\" lists it")),
    json: jsonFlag
  },
  Effect.fn(function*({ id, json }) {
    const daemon = yield* DaemonClient
    const result = yield* daemon.ask((client) => client.results.show({ params: { id } }))
    if (json) return yield* printJson(ResultDetail)(result)
    const paint = yield* colors
    for (const [name, value] of details(result)) {
      if (value !== null) yield* Console.log(`${paint("dim", name.padEnd(8))}  ${value}`)
    }
  })
).pipe(
  Command.withDescription("Show one result with the relay's answer"),
  Command.withExamples([{ command: "holdfast results show 3", description: "Show result 3" }]),
  withDaemon
)

export const results = Command.make(
  "results",
  {
    agent: optionalAgentFlag,
    limit: limitFlag,
    after: afterFlag("results with a larger id", "ID"),
    json: jsonFlag
  },
  Effect.fn(function*({ after, agent, json, limit }) {
    const daemon = yield* DaemonClient
    const page = yield* daemon.ask((client) =>
      client.results.list({
        query: { limit, agent: Option.getOrUndefined(agent), after: Option.getOrUndefined(after) }
      })
    )
    if (json) return yield* printJson(ResultPage)(page)
    if (page.results.length === 0) return yield* Console.log("nothing is kept")
    yield* Console.log(
      table(["ID", "STATE", "AGENT", "TOOL", "AGE", "BYTES", "TOLD"], page.results.map(row(yield* now)))
    )
    if (page.next !== null) yield* Console.log(`more: --after ${page.next}`)
  })
).pipe(
  Command.withDescription("Results of calls whose agent was gone when they came"),
  Command.withExamples([
    { command: "holdfast results", description: "List what is kept, and calls that run on" },
    { command: "holdfast results show 3", description: "Show result 3 with the relay's answer" }
  ]),
  Command.withSubcommands([show]),
  withDaemon
)
