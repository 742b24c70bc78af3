/** The same outage without Holdfast and with it, each with a server of its own. */
import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import { Command } from "effect/cli"
import { HttpClient } from "effect/http"
import { DaemonClient, readEndpoint } from "../DaemonClient.ts"
import { through, without } from "./halves.ts"
import { McpClient } from "./McpClient.ts"
import { heading } from "./Narration.ts"
import { start, untilReady, workplace } from "./Programs.ts"

const play = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const http = yield* HttpClient.HttpClient
  const { configuration, home } = yield* workplace
  const read = (...segments: ReadonlyArray<string>) =>
    Effect.map(fs.readFileString(path.join(...segments)), (text) => text.trim())

  /** A running relay on an empty directory, and how to start it again on its port. */
  const freshRelay = Effect.fnUntraced(function*(name: string) {
    const data = path.join(home, name)
    const startOn = (port: string) =>
      start(home, ["relay", "--port", port, "--data-dir", data, "--config", configuration])
    const relay = yield* startOn("0")
    const port = yield* untilReady("the server", relay, read(data, "relay", "port"))
    const url = `http://127.0.0.1:${port}/api/mcp`
    const answers = Effect.timeout(http.get(url), "2 seconds").pipe(
      Effect.filterOrFail(({ status }) => status !== 503, () => "it is still starting")
    )
    const restart = Effect.tap(startOn(port), (again) => untilReady("the server", again, answers))
    return { relay, url, tokens: path.join(data, "relay"), restart }
  })

  yield* Console.log("The same outage twice. Server and daemon are the demonstration's own, in a")
  yield* Console.log("directory that goes when it ends; nothing of yours is read or changed.")

  yield* heading("Without Holdfast: the agent is connected to the remote MCP server")
  const first = yield* freshRelay("first")
  const token = Redacted.make(yield* read(first.tokens, "token-default"))
  const direct = McpClient.layer(first.url, token)
  yield* without(first.relay, first.restart, Effect.provide(direct)).pipe(Effect.provide(Layer.fresh(direct)))

  yield* heading("With Holdfast: the same agent, the same server, Holdfast between them")
  const { relay, restart, tokens, url } = yield* freshRelay("second")
  const data = path.join(home, "daemon")
  const daemon = yield* start(
    home,
    ["serve", "--relay", url, "--port", "0", "--data-dir", data, "--config", configuration],
    { HOLDFAST_TOKEN_FILE: path.join(tokens, "token-{agent}") }
  )
  const endpoint = yield* untilReady("the daemon", daemon, Effect.flatMap(readEndpoint(data), Effect.fromOption))
  const secret = Redacted.make(yield* read(data, "agent-secret"))
  const clients = Layer.mergeAll(McpClient.layer(endpoint.url, secret), DaemonClient.layer(data))
  yield* Effect.provide(through(relay, restart), clients)

  yield* Console.log("\nNothing lost, nothing twice, and the agent never reconnected.")
})

export const demo = Command.make("demo", {}, () => play.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici)))
  .pipe(
    Command.withDescription("The same outage without Holdfast and with it, in 15 seconds"),
    Command.withExamples([{ command: "holdfast demo", description: "Watch one outage, without Holdfast and with it" }])
  )
