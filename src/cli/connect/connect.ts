/** `connect`: from a relay's URL to agents that use it, and the way back. */
import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { clients } from "../../clients/clients.ts"
import { relayTargets } from "../../config/Settings.ts"
import { defaultRelay, RelayId } from "../../domain/Ids.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { entryAt } from "../config/endpointEntry.ts"
import { dataDirectory, dataDirectoryAtLeast, settings } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { type Check, problem } from "../doctor/Check.ts"
import { examine, settingsResult } from "../doctor/doctor.ts"
import { lastPort } from "../embeddedRelay.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import { portFlag } from "../flags.ts"
import { colors } from "../print.ts"
import { ownFile } from "../wrap/ownConfiguration.ts"
import { clientCheck } from "./clientCheck.ts"
import { isOnPath } from "./command.ts"
import { daemonFor, letsIn, program, toolsOf } from "./daemonFor.ts"
import * as FileEdit from "./FileEdit.ts"
import { chooseQueued, type Chosen } from "./queueing.ts"
import { type Asked, bufferableEdit, relayEdit } from "./relayChoice.ts"
import * as Service from "./Service.ts"
import { undo } from "./undo.ts"

/** Each client that is installed: its entry written, then carried out as the client would. */
const register = Effect.fnUntraced(function*(dataDir: string, relay: string, entry: ReturnType<typeof entryAt>) {
  const written = yield* Effect.forEach(
    clients,
    Effect.fnUntraced(function*(client) {
      const { registration } = client
      if (registration === undefined || !(yield* isOnPath(registration.command))) return []
      const refused = yield* FileEdit.apply(dataDir, {
        owner: registration.command,
        name: relay,
        file: registration.file(process.env),
        put: (text) => registration.put(text, entry),
        remove: (text) => registration.remove(text, entry.name),
        holds: (text) => registration.holds(text, entry)
      }).pipe(Effect.as(undefined), Effect.catchTag("FileRefused", Effect.succeed))
      return [{ client, registration, refused }]
    })
  )
  return yield* Effect.forEach(
    written.flat(),
    ({ client, refused, registration }) =>
      refused === undefined
        ? clientCheck(client, registration, entry)
        : Effect.succeed(problem(client.title, refused.message, "mend that, then \"holdfast connect\" again")),
    { concurrency: "unbounded" }
  )
})

const mark = { ok: "✔", problem: "✘", unknown: "?" } as const
const color = { ok: "green", problem: "red", unknown: "dim" } as const

const printTable = Effect.fnUntraced(function*(checks: ReadonlyArray<Check>) {
  const paint = yield* colors
  const width = Math.max(...checks.map(({ name }) => name.length))
  for (const { found, name, remedy, state } of checks) {
    yield* Console.log(`${paint(color[state], mark[state])} ${name.padEnd(width)}  ${found}`)
    if (remedy !== null) yield* Console.log(`  ${" ".repeat(width)}  do: ${remedy}`)
  }
})

/** Whether the running daemon has that relay already, as where `serve` was given it by a flag. */
const isServed = Effect.fnUntraced(function*({ embedded, name, port, tokenFile, url }: Asked, dataDir: string) {
  // Both count from the start of a daemon on.
  if (Option.isSome(port) || Option.isSome(tokenFile)) return false
  const daemon = yield* DaemonClient
  const status = yield* Effect.option(daemon.ask((client) => client.status()))
  const relay = Option.flatMapNullishOr(status, ({ relays }) => relays.find(({ id }) => id === name))
  if (Option.isNone(relay)) return false
  return embedded
    ? Option.contains(yield* lastPort(dataDir), Number(new URL(relay.value.url).port))
    : Option.exists(url, (text) => new URL(text).href === relay.value.url)
})

const connectAll = Effect.fn("connect")(function*(asked: Asked, chosen: Chosen, asService: boolean) {
  if (asked.embedded && Option.isSome(asked.url)) {
    return yield* new UsageError({ message: "a URL and --embedded name two relays: choose one" })
  }
  const config = yield* ownFile
  const dataDir = yield* dataDirectory
  const { edit, isNeeded } = yield* relayEdit(config, asked)
  const changed = isNeeded ? yield* FileEdit.apply(dataDir, edit) : false
  const values = yield* settings
  if (relayTargets(values).length === 0 && values.relay.embedded !== true) {
    return yield* new UsageError({
      message: "which relay? name its URL, or --embedded for the one that ships with Holdfast"
    })
  }
  const wanted = { dataDir, config, words: yield* program(dataDir), asService }
  const layer = DaemonClient.layer(dataDir)
  return yield* Effect.gen(function*() {
    const first = yield* daemonFor(wanted, changed && !(yield* isServed(asked, dataDir)))
    const view = (yield* letsIn(asked.name)) ? yield* toolsOf(asked.name) : Option.none()
    const added = yield* Option.match(view, {
      onNone: () => Effect.succeed([]),
      onSome: (view) => chooseQueued(view, chosen)
    })
    const bufferable = [...values.outbox.bufferable, ...added]
    const widened = added.length > 0 && (yield* FileEdit.apply(dataDir, bufferableEdit(config, bufferable)))
    const { url } = widened ? yield* daemonFor(wanted, true) : first
    if (widened) {
      yield* letsIn(asked.name)
      yield* Console.log(`queued while the relay is away: ${added.join(", ")}`)
    }
    const isService = Option.exists(yield* Service.find(dataDir), ({ kind }) => kind !== "process")
    const entry = entryAt(url, dataDir, { config, program: wanted.words, relay: asked.name, isService })
    const registered = yield* register(dataDir, asked.name, entry)
    const { checks } = yield* examine(dataDir, yield* settingsResult)
    const shown = checks.filter(({ name, state }) => state === "problem" || /^(daemon|endpoint|relay|token)/.test(name))
    yield* printTable([...shown, ...registered])
    if (registered.length === 0) {
      yield* Console.log(
        "No agent was found on the PATH (claude, codex, gemini); \"holdfast config --help\" has entries for others."
      )
    }
    const problems = [...shown, ...registered].filter(({ state }) => state === "problem").length
    if (problems > 0) {
      return yield* new CommandFailed({ message: problems === 1 ? "1 problem" : `${problems} problems` })
    }
    yield* Console.log("Connected. Start your agent as ever; \"holdfast connect --undo\" takes it all back.")
  }).pipe(Effect.provide([layer, DataDirectory.layerReading(dataDir), NodeHttpClient.layerUndici]))
})

export const connect = Command.make("connect", {
  url: Argument.String("url").pipe(
    Argument.withDescription("Your remote MCP server (default: the one that is configured)"),
    Argument.optional
  ),
  embedded: Flag.Boolean("embedded").pipe(
    Flag.withDescription("The small relay that ships with Holdfast, in the place of a URL"),
    Flag.withDefault(false)
  ),
  name: Flag.String("name").pipe(
    Flag.withDescription("Under a name, beside the default one"),
    Flag.withMetavar("NAME"),
    Flag.withSchema(RelayId),
    Flag.withDefault(defaultRelay)
  ),
  tokenFile: Flag.String("token-file").pipe(
    Flag.withDescription(
      "A file that holds the server's token ({agent} stands for an agent's name); only its path is remembered"
    ),
    Flag.withMetavar("FILE"),
    Flag.optional
  ),
  port: portFlag.pipe(
    Flag.withDescription("Where agents connect (default: 4851), where another program has that port"),
    Flag.optional
  ),
  queue: Flag.String("queue").pipe(
    Flag.withDescription("Tools whose calls are queued while the server is away, comma-separated"),
    Flag.withMetavar("TOOLS"),
    Flag.optional
  ),
  yes: Flag.Boolean("yes").pipe(
    Flag.withDescription("Queue all tools that say that a repeated call does no harm"),
    Flag.withDefault(false)
  ),
  noService: Flag.Boolean("no-service").pipe(
    Flag.withDescription("Start a plain background process, also where systemd or launchd runs"),
    Flag.withDefault(false)
  ),
  undo: Flag.Boolean("undo").pipe(
    Flag.withDescription("Take back all that connect did: files byte for byte, the service, its unit"),
    Flag.withDefault(false)
  )
}, ({ embedded, name, noService, port, queue, tokenFile, undo: back, url, yes }) => {
  if (back) return Effect.flatMap(dataDirectoryAtLeast, undo)
  const named = Option.map(queue, (text) => text.split(",").map((tool) => tool.trim()).filter((tool) => tool !== ""))
  return connectAll({ embedded, name, port, tokenFile, url }, { named, yes }, !noService)
}).pipe(
  Command.withDescription("Put your remote MCP server behind Holdfast and register Claude Code, Codex and Gemini"),
  Command.withExamples([{
    command: "holdfast connect https://mcp.example.com/mcp",
    description: "Start Holdfast and register the agents"
  }, {
    command: "holdfast connect https://mcp.example.com/mcp --queue send_message,comment_*",
    description: "Queue the calls of these tools while the server is away"
  }, { command: "holdfast connect --undo", description: "Take it all back, byte for byte" }])
)
