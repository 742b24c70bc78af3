import { Console, Effect, FileSystem, Option } from "effect"
import { Command } from "effect/cli"
import type { ReloadView } from "../../admin/RelaysView.ts"
import { exportLine } from "../../clients/ClientEntry.ts"
import { clientFileFor } from "../../clients/clients.ts"
import { type RelayEntry, relayEntry, relayName, variablesIn } from "../../clients/relayEntry.ts"
import type { RemoteServer } from "../../clients/RemoteServers.ts"
import { replaceFile } from "../../clients/replaceFile.ts"
import { fault } from "../../config/ConfigFile.ts"
import { endpointEntry } from "../config/endpointEntry.ts"
import { dataDirectory } from "../configuration.ts"
import { CommandFailed } from "../Failures.ts"
import { fileArgument, realFile } from "./fileArgument.ts"
import { addRelays, ownFile, relayNames } from "./ownConfiguration.ts"
import { reloaded } from "./reloaded.ts"
import * as Wrapped from "./Wrapped.ts"

/** The relay of each server, and the URL that takes the server's place. */
const plan = (servers: ReadonlyArray<RemoteServer>, taken: ReadonlySet<string>, endpoint: string) => {
  const relays = new Map<string, RelayEntry>()
  const urls = new Map<string, string>()
  for (const server of servers) {
    const name = relayName(server.name, new Set([...taken, ...relays.keys()]))
    relays.set(name, relayEntry(server))
    urls.set(server.name, `${endpoint}/${name}`)
  }
  return { relays, urls }
}

/** Whether the relays are served by now, and what that may still take. */
const inWords = (
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

export const wrap = Command.make("wrap", { file: fileArgument }, ({ file: named }) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = yield* realFile(named)
    const dataDir = yield* dataDirectory
    if (Option.isSome(yield* Wrapped.find(dataDir, file))) {
      return yield* new CommandFailed({ message: `${file} is wrapped already; "holdfast unwrap" brings it back first` })
    }
    const entry = yield* endpointEntry
    const configuration = yield* ownFile
    const client = clientFileFor(file)
    const original = yield* fs.readFile(file)
    const text = new TextDecoder().decode(original)
    const broken = file.endsWith(".json") ? fault(text, { allowTrailingComma: true }) : ""
    if (broken !== "") return yield* new CommandFailed({ message: `${file} is not JSON${broken}; nothing was changed` })
    const found = client.find(text)
    const servers = found.servers.filter(({ url }) => new URL(url).origin !== new URL(entry.url).origin)
    for (const { name, why } of found.left) yield* Console.error(`left as it is: ${name}, since ${why}`)
    if (servers.length === 0) {
      return yield* new CommandFailed({ message: `${file} names no remote server that Holdfast could stand before` })
    }
    const { relays, urls } = plan(servers, yield* relayNames(configuration), entry.url)
    const wrapped = client.point(text, urls)
    // The way back first: whatever fails from here on, it is there.
    yield* Wrapped.keep(dataDir, {
      file,
      original: Buffer.from(original).toString("base64"),
      digest: Wrapped.digestOf(wrapped),
      configuration,
      relays: [...relays.keys()]
    })
    yield* addRelays(configuration, relays)
    yield* replaceFile(file, wrapped)
    for (const { name, url } of servers) yield* Console.log(`${name}  ${url}  through  ${urls.get(name)}`)
    const variables = [...new Set(servers.flatMap(variablesIn))]
    const live = yield* reloaded(dataDir, variables)
    yield* Effect.forEach(inWords(live, [...relays.keys()], configuration, variables), (line) => Console.error(line))
    yield* Console.error(
      `Start the client with "holdfast exec", or after\n${exportLine(entry)}\n"holdfast unwrap" brings the file back.`
    )
  })).pipe(
    Command.withDescription("Put the remote servers of an agent's configuration behind Holdfast"),
    Command.withExamples([{
      command: "holdfast wrap .mcp.json",
      description: "Put the servers of this project's file behind Holdfast"
    }])
  )
