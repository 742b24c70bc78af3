import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { basename, join } from "node:path"
import type { ReloadView } from "../../admin/AdminApi.ts"
import { exportLine } from "../../clients/ClientEntry.ts"
import { clientFileFor } from "../../clients/clients.ts"
import { type RelayEntry, relayEntry, relayName } from "../../clients/relayEntry.ts"
import { type ClientFile, find, type RemoteServer, variablesOf } from "../../clients/RemoteServers.ts"
import * as TemplateText from "../../config/TemplateText.ts"
import * as UserFile from "../../storage/UserFile.ts"
import { endpointEntry } from "../config/endpointEntry.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { CommandFailed } from "../Failures.ts"
import * as Change from "./Change.ts"
import { consent, consentFlags } from "./consent.ts"
import { contentOf, fileArgument, isTracked, realFile } from "./fileArgument.ts"
import { addRelays, ownFile, relayNames, reloaded } from "./ownConfiguration.ts"
import * as Wrapped from "./Wrapped.ts"

/** The relay of each server, the secrets it refers to, and the URL that takes the server's place. */
const plan = (
  servers: ReadonlyArray<RemoteServer>,
  taken: ReadonlySet<string>,
  endpoint: string,
  secretOf: (relay: string, index: number) => string,
  dataDir: string
) => {
  const relays = new Map<string, RelayEntry>()
  const secrets = new Map<string, string>()
  const urls = new Map<string, string>()
  for (const server of servers) {
    const name = relayName(server.name, new Set([...taken, ...relays.keys()]))
    const planned = relayEntry(server, (index) => join(dataDir, secretOf(name, index)))
    relays.set(name, planned.entry)
    for (const [file, text] of planned.secrets) secrets.set(basename(file), text)
    urls.set(server.name, `${endpoint}/${name}`)
  }
  return { relays, secrets, urls }
}

/** Whether the relays are served by now, and what that may still take. */
const formatNotes = (
  live: Option.Option<ReloadView>,
  added: ReadonlyArray<string>,
  configuration: string,
  variables: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const needed = (names: ReadonlyArray<string>) =>
    names.length === 0 ? [] : [`The daemon needs in its environment what the client had: ${names.join(", ")}.`]
  if (Option.isNone(live)) return needed(variables)
  const { relays, unset } = live.value
  if (added.some((name) => !relays.some((relay) => relay === name))) {
    return [`The daemon that runs reads another configuration: start it anew with --config ${configuration}`]
  }
  return [...needed(unset), ...(unset.length === 0 ? [] : ["Start it anew with them; it serves the relays already."])]
}

/** Each is parsed and changed by itself. */
const maxServers = 64

/** What the file has, where it can be read; a text that says nothing would be taken for a file without servers. */
const serversIn = Effect.fnUntraced(function*(client: ClientFile, file: string, text: string) {
  const language = file.endsWith(".toml") ? "TOML" : "JSON"
  const refused = (why: string) =>
    new CommandFailed({ message: `${file} is not ${language}${why}; nothing was changed` })
  // What is nested too deep throws.
  const read = <A>(reading: () => A) => Effect.try({ try: reading, catch: () => refused(" that can be read") })
  const broken = yield* read(() => client.fault(text))
  if (broken !== "") return yield* refused(broken)
  if ((yield* read(() => client.servers(text))).length > maxServers) {
    return yield* new CommandFailed({ message: `${file} has more than ${maxServers} remote servers` })
  }
  return yield* read(() => find(client, text))
})

const warnOfGit = Effect.fnUntraced(function*(file: string, configuration: string) {
  const warnings = [
    [file, "a commit of the change would point everybody at the endpoint of this machine"],
    [configuration, "a commit of the change would carry relays of this machine, and paths of its secrets"]
  ] as const
  for (const [each, why] of warnings) {
    if (yield* isTracked(each)) yield* Console.error(`warning: ${each} is tracked by git: ${why}`)
  }
})

export const wrap = Command.make(
  "wrap",
  { file: fileArgument, ...consentFlags },
  ({ file: named, ...asked }) =>
    Effect.gen(function*() {
      const file = yield* realFile(named)
      const dataDir = yield* dataDirectory
      if (Option.isSome(yield* Wrapped.find(dataDir, file))) {
        return yield* new CommandFailed({
          message: `${file} is wrapped already; "holdfast unwrap" brings it back first`
        })
      }
      const entry = yield* endpointEntry
      const configuration = yield* ownFile
      const client = clientFileFor(file)
      const original = yield* contentOf(file)
      const text = new TextDecoder().decode(original)
      const found = yield* serversIn(client, file, text)
      const servers = found.servers.filter(({ url }) => new URL(url).origin !== new URL(entry.url).origin)
      for (const { name, why } of found.left) {
        yield* Console.error(`left as it is: ${JSON.stringify(name)}, since ${why}`)
      }
      if (servers.length === 0) {
        return yield* new CommandFailed({ message: `${file} names no remote server that Holdfast could stand before` })
      }
      if (!TemplateText.canName(dataDir)) {
        return yield* new CommandFailed({ message: `the data directory's path has a brace in it: ${dataDir}` })
      }
      yield* consent(file, servers, yield* settings, asked)
      const secretOf = (relay: string, index: number) => Wrapped.secretOf(file, relay, index)
      const { relays, secrets, urls } = plan(servers, yield* relayNames(configuration), entry.url, secretOf, dataDir)
      const maxMode = Option.getOrElse(yield* UserFile.modeOf(file), () => 0o600)
      const pointed = client.point(text, urls)
      if (Option.isNone(pointed)) {
        return yield* new CommandFailed({ message: `${file} is written in a way that is not understood here` })
      }
      const changes = [
        { ...yield* addRelays(configuration, relays), maxMode },
        { file, before: Option.some(original), after: pointed.value }
      ]
      const record = {
        file,
        original: Buffer.from(original).toString("base64"),
        digest: Wrapped.digestOf(pointed.value),
        configuration,
        relays: [...relays.keys()],
        secrets: [...secrets.keys()]
      }
      const variables = [...new Set(servers.flatMap(variablesOf))]
      /** The way back stays where a file could not be put back; the daemon goes back with the files. */
      const back = Effect.gen(function*() {
        const left = yield* Change.undo(changes)
        if (left.length === 0) yield* Wrapped.forget(dataDir, record)
        yield* Effect.ignore(reloaded(dataDir))
        return left.map(({ file }) => file)
      })
      const live = yield* Wrapped.keep(dataDir, record, secrets).pipe(
        Effect.andThen(Change.write(changes)),
        Effect.andThen(reloaded(dataDir, variables)),
        Effect.catch(({ message }) =>
          Effect.flatMap(back, (left) =>
            new CommandFailed({
              message: left.length === 0
                ? `${message}; nothing was changed`
                : `${message}; ${left.join(" and ")} could not be put back: "holdfast unwrap" does it`
            }))
        ),
        Effect.onInterrupt(() => Effect.ignore(back))
      )
      for (const { name } of servers) yield* Console.log(`${JSON.stringify(name)} is now at ${urls.get(name)}`)
      yield* warnOfGit(file, configuration)
      yield* Effect.forEach(
        formatNotes(live, [...relays.keys()], configuration, variables),
        (line) => Console.error(line)
      )
      yield* Console.error(
        `Start the client with "holdfast exec", or after\n${exportLine(entry)}\n"holdfast unwrap" brings the file back.`
      )
    })
).pipe(
  Command.withDescription("Put the remote servers of an agent's configuration behind Holdfast"),
  Command.withExamples([{
    command: "holdfast wrap .mcp.json",
    description: "Show the servers of this project's file, ask, and put them behind Holdfast"
  }, {
    command: "holdfast wrap .mcp.json --yes --host mcp.example.com",
    description: "The same in a script: variables go to this host alone"
  }])
)
