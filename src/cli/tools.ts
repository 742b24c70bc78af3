import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { ToolsView } from "../admin/ToolsView.ts"
import { agentFlag } from "./agentFlag.ts"
import { DaemonClient } from "./DaemonClient.ts"
import { ink } from "./Ink.ts"
import { jsonFlag } from "./jsonFlag.ts"
import { printJson } from "./printJson.ts"
import { withDaemon } from "./withDaemon.ts"

const print = Effect.fnUntraced(function*(views: ReadonlyArray<ToolsView>) {
  const paint = yield* ink
  for (const view of views) {
    yield* Console.log(paint("bold", `${view.agent} at ${view.relay}`))
    if (view.fetchedAt === null) yield* Console.log("  the relay has not told its tools yet")
    for (const name of view.visible) yield* Console.log(`  ${name}`)
    for (const { name, needs, rule, reason } of view.hidden) {
      const why = `hidden: needs ${needs} (rule ${rule.join(", ")}${reason === null ? "" : `: ${reason}`})`
      yield* Console.log(`  ${name}  ${paint("dim", why)}`)
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
).pipe(Command.withDescription("What the agent sees, what is hidden, and by which rule"), withDaemon)
