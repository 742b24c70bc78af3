import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { TokenView } from "../../admin/TokenView.ts"
import { agentFlag } from "../agentFlag.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { printTokens } from "./print.ts"

export const show = Command.make(
  "show",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const tokens = yield* daemon.ask((client) => client.token.show({ query: { agent } }))
    yield* json ? printJson(Schema.Array(TokenView))(tokens) : printTokens(tokens)
  })
).pipe(Command.withDescription("How the relay's token is doing; never the token"), withDaemon)
