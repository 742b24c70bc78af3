import { Console, type DateTime, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { TokenView } from "../admin/TokenView.ts"
import { loginAt } from "../token/sources/loginCommand.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { CommandFailed } from "./Failures.ts"
import { agentFlag, jsonFlag } from "./flags.ts"
import { colors, formatAge, now, printJson } from "./print.ts"

/** The source gave it, and the relay has not said yet whether it takes it, as where the relay is away. */
export const isUnproven = ({ proven = true, state }: TokenView): boolean => state === "valid" && !proven

export const formatToken = (token: TokenView, now: DateTime.Utc): string => {
  const expiry = token.expiresAt === null ? "" : `, ends in ${formatAge(token.expiresAt, now)}`
  const { lastError, nextRefreshAt } = token
  const login = loginAt(token.relay, token.source)
  if (token.state === "none" && login !== undefined) {
    return lastError?.code === "wanted"
      ? `none, and the relay asks for one: name its source, or ${login}`
      : `none: where the relay asks for one, name its source, or ${login}`
  }
  const source = token.name === undefined ? token.source : `${token.source}, as ${token.name}`
  const next = nextRefreshAt === null ? "" : `, next in ${formatAge(nextRefreshAt, now)}`
  const error = lastError === null
    ? ""
    : `: ${lastError.code}, ${lastError.hint}; attempt ${lastError.attempt}${next}`
  return isUnproven(token)
    ? `unproven (${source}${expiry}): the relay has not answered with it yet`
    : `${token.state} (${source}${expiry})${error}`
}

const print = Effect.fnUntraced(function*(tokens: ReadonlyArray<TokenView>) {
  const paint = yield* colors
  const present = yield* now
  for (const token of tokens) {
    const good = token.state === "valid" || token.state === "none"
    const color = isUnproven(token) ? "dim" : good ? "green" : "red"
    yield* Console.log(`${token.relay}, ${token.agent}: ${paint(color, formatToken(token, present))}`)
  }
})

const show = Command.make(
  "show",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const tokens = yield* daemon.ask((client) => client.token.show({ query: { agent } }))
    yield* json ? printJson(Schema.Array(TokenView))(tokens) : print(tokens)
  })
).pipe(
  Command.withDescription("Show the state of the relay's token, never the token"),
  Command.withExamples([
    { command: "holdfast token show", description: "Show its source, its end and the last error" },
    { command: "holdfast token show --agent reviewer --json", description: "Show one agent's token as JSON" }
  ]),
  withDaemon
)

const refresh = Command.make(
  "refresh",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const tokens = yield* daemon.ask((client) => client.token.refresh({ payload: { agent } }))
    yield* json ? printJson(Schema.Array(TokenView))(tokens) : print(tokens)
    if (tokens.some((token) => token.state === "failing" || token.state === "rejected")) {
      return yield* new CommandFailed({ message: "there is no token that the relay takes" })
    }
  })
).pipe(
  Command.withDescription("Ask the token's source now"),
  Command.withExamples([{ command: "holdfast token refresh", description: "Fetch a new token after a renewal" }]),
  withDaemon
)

export const token = Command.make("token").pipe(
  Command.withDescription("The relay's token"),
  Command.withExamples([{
    command: "holdfast token show",
    description: "Show its source, its end and the last error"
  }]),
  Command.withSubcommands([show, refresh])
)
