import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { AgentName } from "../../domain/Ids.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"

export const list = Command.make(
  "list",
  { json: jsonFlag },
  Effect.fn(function*({ json }) {
    const daemon = yield* DaemonClient
    const { agents } = yield* daemon.ask((client) => client.status())
    yield* json ? printJson(Schema.Array(AgentName))(agents) : Console.log(agents.join("\n"))
  })
).pipe(Command.withDescription("The agents that may speak to the endpoint"), withDaemon)
