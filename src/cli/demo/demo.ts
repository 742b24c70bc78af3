import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import { Command } from "effect/cli"
import { DaemonClient, readEndpoint } from "../DaemonClient.ts"
import { drill } from "./drill.ts"
import { McpClient } from "./McpClient.ts"
import { start, untilReady, workplace } from "./Programs.ts"

const play = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { configuration, daemonData, relayData } = yield* workplace
  const read = (...segments: ReadonlyArray<string>) =>
    Effect.map(fs.readFileString(path.join(...segments)), (text) => text.trim())

  yield* Console.log("The outage drill, with a relay and a daemon of its own; nothing of yours is touched.\n")

  const startRelay = (port: string) =>
    start(["relay", "--port", port, "--data-dir", relayData, "--config", configuration])
  const relay = yield* startRelay("0")
  const port = yield* untilReady("the relay", relay, read(relayData, "relay", "port"))

  const daemon = yield* start(
    ["serve", "--relay", `http://127.0.0.1:${port}/api/mcp`, "--port", "0"]
      .concat("--data-dir", daemonData, "--config", configuration),
    { HOLDFAST_TOKEN_FILE: path.join(relayData, "relay", "token-{agent}") }
  )
  const { url } = yield* untilReady("the daemon", daemon, Effect.flatMap(readEndpoint(daemonData), Effect.fromOption))
  const secret = Redacted.make(yield* read(daemonData, "agent-secret"))
  yield* Console.log(`relay     process ${relay.pid}\ndaemon    process ${daemon.pid}, ${url}\n`)

  const actors = Layer.mergeAll(McpClient.layer(url, secret), DaemonClient.layer(daemonData))
  yield* Effect.provide(drill(relay, startRelay(port)), actors)
  yield* Console.log("\nNothing lost, nothing twice, and the agent never reconnected.")
})

export const demo = Command.make("demo", {}, () => play.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici)))
  .pipe(Command.withDescription("The outage drill in 20 seconds: call, kill, queue, restart, delivered once"))
