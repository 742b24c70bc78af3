import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { TokenView } from "../../admin/TokenView.ts"
import { agentFlag } from "../agentFlag.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed } from "../Failures.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { printTokens } from "./print.ts"

export const refresh = Command.make(
  "refresh",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const tokens = yield* daemon.ask((client) => client.token.refresh({ payload: { agent } }))
    yield* json ? printJson(Schema.Array(TokenView))(tokens) : printTokens(tokens)
    if (tokens.some((token) => token.state === "failing" || token.state === "rejected")) {
      return yield* new CommandFailed({ message: "the source gave no token" })
    }
  })
).pipe(Command.withDescription("Ask the token's source now"), withDaemon)
