import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { type HiddenTool, ToolsView } from "../admin/ToolsView.ts"
import * as ToolNames from "../config/ToolNames.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { agentFlag, jsonFlag } from "./flags.ts"
import { colors, printJson } from "./print.ts"

/** Of a rule for many tools, only what names this one. */
const whyHidden = ({ name, needs, reason, rule }: HiddenTool): string => {
  const naming = rule.filter((pattern) => ToolNames.matcher([pattern])(name)).join(", ")
  return `hidden: needs ${needs} (menu rule for ${naming}${reason === null ? "" : `: ${reason}`})`
}

const print = Effect.fnUntraced(function*(views: ReadonlyArray<ToolsView>) {
  const paint = yield* colors
  for (const view of views) {
    yield* Console.log(paint("bold", `${view.agent} at ${view.relay}`))
    if (view.fetchedAt === null) yield* Console.log("  the relay has not told its tools yet")
    for (const name of view.visible) yield* Console.log(`  ${name}`)
    for (const tool of view.hidden) yield* Console.log(`  ${tool.name}  ${paint("dim", whyHidden(tool))}`)
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
).pipe(Command.withDescription("What the agent sees, what is hidden, and by which rule"), withDaemon)
