import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { AgentView } from "../../admin/AgentView.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { table } from "../table.ts"
import { withDaemon } from "../withDaemon.ts"

const rows = (views: ReadonlyArray<AgentView>) =>
  views.map(({ agent, sessions, state, undelivered }) => [agent, state, String(sessions), String(undelivered)])

export const list = Command.make(
  "list",
  { json: jsonFlag },
  Effect.fn(function*({ json }) {
    const daemon = yield* DaemonClient
    const views = yield* daemon.ask((client) => client.agents.list())
    yield* json
      ? printJson(Schema.Array(AgentView))(views)
      : Console.log(table(["AGENT", "STATE", "SESSIONS", "UNDELIVERED"], rows(views)))
  })
).pipe(Command.withDescription("The agents, and those removed ones whose queue is not empty yet"), withDaemon)
