/** The embedded relay on the data directory, with what a daemon needs to reach it. */
import { Context, Effect, FileSystem, Layer, Option, Path, Redacted, Schema } from "effect"
import type { Provisioning } from "../agents/Agents.ts"
import { type AgentName, defaultAgent } from "../domain/Ids.ts"
import { EmbeddedRelay } from "../embedded/EmbeddedRelay.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"
import { CommandFailed } from "./Failures.ts"

const Port = Schema.NumberFromString.check(Schema.isInt())

/** The one that it listens on on this data directory, or did last. */
export const lastPort = Effect.fnUntraced(function*(dataDir: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readFileString(path.join(dataDir, "relay", "port")).pipe(
    Effect.flatMap((text) => Schema.decodeEffect(Port)(text.trim())),
    Effect.option
  )
})

/**
 * The port given, else the one it had before: what the outbox holds is bound to the relay's URL. At its first start
 * 4850, or where that is taken a free one.
 */
const listening = (
  directory: string,
  given: Option.Option<number>,
  before: Option.Option<number>,
  socket: boolean
) => {
  const port = Option.getOrUndefined(Option.orElse(given, () => before))
  const layer = EmbeddedRelay.layer({ directory, port, socket })
  return port === undefined
    ? Layer.catchTag(layer, "EmbeddedRelayPort", () => EmbeddedRelay.layer({ directory, port: 0, socket }))
    : layer
}

const moved = (port: number, file: string): string =>
  `the embedded relay was at port ${port} before, and another program is there now: stop that, or remove ${file} for `
  + "another port; what is queued is then held until \"holdfast outbox retry --all\""

/**
 * Runs it for as long as the scope is open. `tokenFile`, with the agent's name for `{agent}`, holds its token: the default
 * agent's from the start, another one's once `provisioning` gave it one. `socket`: whether it listens on a Unix socket too.
 */
export const embeddedRelay = Effect.fnUntraced(function*(
  dataDir: string,
  port: Option.Option<number>,
  socket: boolean
) {
  const path = yield* Path.Path
  const directory = path.join(dataDir, "relay")
  // The data directory first, so that it is closed to others before anything is in it.
  yield* Layer.build(DataDirectory.layerAt(dataDir))
  const before = yield* lastPort(dataDir)
  const portFile = path.join(directory, "port")
  const relay = yield* Layer.build(listening(directory, port, before, socket)).pipe(
    Effect.map((context) => Context.get(context, EmbeddedRelay)),
    Effect.mapError((error) =>
      error._tag === "EmbeddedRelayPort" && Option.isNone(port) && Option.isSome(before)
        ? new CommandFailed({ message: moved(error.port, portFile) })
        : error
    )
  )
  const files = Context.get(yield* Layer.build(DataDirectory.layerAt(directory)), DataDirectory)
  const provide = (agent: AgentName) =>
    files.writeAtomically(`token-${agent}`, `${Redacted.value(relay.tokenFor(agent))}\n`)
  yield* provide(defaultAgent)
  // Last: who waits for it finds the token too.
  yield* files.writeAtomically("port", `${new URL(relay.url).port}\n`)
  const provisioning: Provisioning = {
    provide: (agent) => Effect.orDie(provide(agent)),
    withdraw: (agent) => Effect.ignore(files.remove(`token-${agent}`))
  }
  return { url: new URL(relay.url), socket: relay.socket, tokenFile: files.file("token-{agent}"), provisioning }
})
