import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { type HidingRule, ToolsView } from "../../admin/ToolsView.ts"
import * as ToolNames from "../../config/ToolNames.ts"
import * as Screen from "../../observability/Screen.ts"
import { DaemonClient, withDaemon } from "../DaemonClient.ts"
import { agentFlag, jsonFlag } from "../flags.ts"
import { colors, printJson } from "../print.ts"
import { approve, diff } from "./approval.ts"

/** Of a rule for many tools, only what names this one. */
const formatRule = (tool: string, { needs, reason, tools }: HidingRule): string => {
  const naming = tools.filter((pattern) => ToolNames.matcher([pattern])(tool)).join(", ")
  return `hidden: needs ${needs} (menu rule for ${naming}${reason === null ? "" : `: ${reason}`})`
}

const heldBack = {
  new: "held back: nobody has approved it (holdfast tools diff)",
  changed: "held back: it changed since it was approved (holdfast tools diff)"
}

/** What to set where nothing is queued, which is so with any relay whose tools the defaults do not name. */
const howToQueue = ({ bufferable, tools }: ToolsView): ReadonlyArray<string> => {
  const proposed = tools.filter(({ why }) => why === "proposable")
    .map(({ name }) => name)
  const example = proposed.length > 0 ? proposed : ["TOOL", "PREFIX_*"]
  return [
    bufferable.length === 0
      ? "Nothing is queued: outbox.bufferable names no tool."
      : `Nothing is queued: outbox.bufferable names ${bufferable.join(", ")};`,
    ...bufferable.length === 0 ? [] : ["this relay has no such tool."],
    "While the relay is away, every call of a tool ends with an error.",
    "Name the tools whose answer the agent does not wait for, in holdfast.json:",
    `  "outbox": { "bufferable": ${JSON.stringify(example)} }`,
    "or in the environment:",
    `  HOLDFAST_OUTBOX_BUFFERABLE='${example.join(",")}'`,
    "and start the daemon again."
  ]
}

const print = Effect.fnUntraced(function*(views: ReadonlyArray<ToolsView>) {
  const paint = yield* colors
  for (const view of views) {
    yield* Console.log(paint("bold", `${view.agent} at ${view.relay}`))
    if (view.fetchedAt === null) {
      yield* Console.log("  the relay has not told its tools yet")
      continue
    }
    const width = Math.max(0, ...view.tools.map(({ name }) => Screen.oneLine(name).length))
    const line = (name: string, text: string) => Console.log(`  ${Screen.oneLine(name).padEnd(width)}  ${text}`)
    for (const { approval, hiddenBy, name, note, queued } of view.tools) {
      const painted = paint(queued ? "green" : "dim", note)
      if (approval === "new" || approval === "changed") yield* line(name, paint("red", heldBack[approval]))
      else if (hiddenBy === null) yield* line(name, `visible; ${painted}`)
      else {
        yield* line(name, paint("dim", formatRule(name, hiddenBy)))
        yield* line("", painted)
      }
    }
    if (view.notNarrowed.length > 0 && view.tools.some(({ hiddenBy }) => hiddenBy !== null)) {
      yield* Console.log(paint("dim", `  not hidden from ${view.notNarrowed.join(", ")} (menu.narrow)`))
    }
    if (view.tools.length > 0 && !view.tools.some(({ queued }) => queued)) {
      yield* Console.log(["", ...howToQueue(view)].join("\n"))
    }
  }
})

export const tools = Command.make(
  "tools",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const views = yield* daemon.ask((client) => client.tools.show({ query: { agent } }))
    yield* json ? printJson(Schema.Array(ToolsView))(views) : print(views)
  })
).pipe(
  Command.withDescription("Each tool: what the agent sees, what is hidden by which rule, what may be queued"),
  Command.withExamples([{ command: "holdfast tools", description: "List what the default agent sees" }, {
    command: "holdfast tools --agent reviewer --json",
    description: "List one agent's tools as JSON"
  }]),
  Command.withSubcommands([diff, approve]),
  withDaemon
)
