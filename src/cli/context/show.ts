import { Effect } from "effect"
import { Command } from "effect/cli"
import { ContextView } from "../../admin/ContextView.ts"
import { agentFlag } from "../agentFlag.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { printContext } from "./print.ts"

export const show = Command.make(
  "show",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const view = yield* daemon.ask((client) => client.context.show({ query: { agent } }))
    yield* json ? printJson(ContextView)(view) : printContext(view)
  })
).pipe(Command.withDescription("Where the agent stands, and how it came there"), withDaemon)
