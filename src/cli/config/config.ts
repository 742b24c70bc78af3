import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { claude } from "../../clients/claude.ts"
import type { Client } from "../../clients/Client.ts"
import { forAgent } from "../../clients/ClientEntry.ts"
import { codex } from "../../clients/codex.ts"
import { cursor } from "../../clients/cursor.ts"
import { gemini } from "../../clients/gemini.ts"
import { json } from "../../clients/json.ts"
import { vscode } from "../../clients/vscode.ts"
import { relayTargets } from "../../config/Settings.ts"
import { AgentName } from "../../domain/Ids.ts"
import { hintFor } from "../../relay/link/Diagnosis.ts"
import { ConnectFailed } from "../../relay/RelayFailure.ts"
import * as SocketFile from "../../relay/socket/SocketFile.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { endpointEntry } from "./endpointEntry.ts"

// A subcommand that prints what to paste; notes go to standard error, so that the output can be piped.

const agentFlag = Flag.String("agent").pipe(
  Flag.withDescription(
    "For this agent, which \"holdfast agents add\" made: the entry runs \"holdfast stdio\", with no secret"
  ),
  Flag.withMetavar("NAME"),
  Flag.withSchema(AgentName),
  Flag.optional
)

const snippet = <const Name extends string>(name: Name, { snippet, title }: Client) =>
  Command.make(name, { agent: agentFlag }, ({ agent }) =>
    Effect.gen(function*() {
      const entry = yield* endpointEntry
      const made = snippet?.(Option.match(agent, { onNone: () => entry, onSome: (name) => forAgent(entry, name) }))
      if (made?.note !== undefined) yield* Console.error(made.note)
      yield* Console.log(made?.text ?? "")
    })).pipe(
      Command.withDescription(`The entry for ${title}`),
      Command.withExamples([
        { command: `holdfast config ${name}`, description: `Print the entry for ${title}` },
        { command: `holdfast config ${name} --agent reviewer`, description: "Print it for an agent that was added" }
      ])
    )

/** The relay need not run yet. */
const socketState = Effect.fnUntraced(function*(url: URL) {
  const why = yield* Effect.promise(() => SocketFile.objection(SocketFile.pathOf(url)))
  if (why === undefined) return "its file is good"
  const hint = hintFor(new ConnectFailed({ detail: why }), url)
  return hint === undefined ? why : `${why}; ${hint}`
})

const check = Command.make("check", {}, () =>
  Effect.gen(function*() {
    const { listen, relay, relays } = yield* settings
    const directory = yield* dataDirectory
    const named = Object.keys(relays)
    yield* Console.log("the configuration is good")
    yield* Console.log(`  listen    http://${listen.host}:${listen.port}/mcp`)
    yield* Console.log(
      `  relay     ${
        [relay.url ?? (named.length === 0 ? "none: serve needs --relay or --embedded" : []), ...named].flat().join(", ")
      }`
    )
    for (const { id, url } of relayTargets(yield* settings)) {
      if (url.protocol === "unix:") yield* Console.log(`  socket    ${id}: ${yield* socketState(url)}`)
    }
    yield* Console.log(`  data      ${directory}`)
  })).pipe(
    Command.withDescription("Check flags, environment and configuration file, and say what is in force"),
    Command.withExamples([{
      command: "holdfast config check",
      description: "Check the settings, and show which are in force"
    }])
  )

export const config = Command.make("config").pipe(
  Command.withDescription("What to paste into an agent's configuration; or check Holdfast's own"),
  Command.withExamples([{ command: "holdfast config claude", description: "Print the entry for Claude Code" }, {
    command: "holdfast config codex --agent reviewer",
    description: "Print an entry for another agent"
  }]),
  Command.withSubcommands([
    snippet("claude", claude),
    snippet("codex", codex),
    snippet("gemini", gemini),
    snippet("cursor", cursor),
    snippet("vscode", vscode),
    snippet("json", json),
    check
  ])
)
