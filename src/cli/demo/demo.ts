/** The same outage without Holdfast and with it, each with a server of its own. */
import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, Option, Path, Redacted, Schedule } from "effect"
import { Command } from "effect/cli"
import { HttpClient } from "effect/http"
import { provenDaemon } from "../../storage/ProvenDaemon.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed } from "../Failures.ts"
import { McpClient } from "./McpClient.ts"
import { heading, step } from "./Narration.ts"
import { inbox, outage, sentences } from "./outage.ts"
import { type Running, start, untilReady, workplace } from "./Programs.ts"

// Both halves of the demonstration, with the same client. Each fails where anything is not as it says.

const ensureEqual = (what: string, got: ReadonlyArray<string>, wanted: ReadonlyArray<string>) =>
  JSON.stringify(got) === JSON.stringify(wanted)
    ? Effect.void
    : Effect.fail(
      new CommandFailed({ message: `the demonstration expected ${what} ${wanted.join(", ")}; got ${got.join(", ")}` })
    )

/** The client speaks to the server itself. `anew` runs an effect with a client that has a new session. */
export const without = Effect.fn("demo.without")(function*<E, R, E2, R2>(
  relay: Running,
  restart: Effect.Effect<Running, E, R>,
  anew: (read: typeof inbox) => Effect.Effect<ReadonlyArray<string>, E2, R2>
) {
  yield* ensureEqual("the outcomes", yield* outage(relay, restart), ["Answered", "Failed", "Failed", "Failed"])
  const refusal = yield* Effect.match(inbox, {
    onFailure: ({ message }) => Option.some(message),
    onSuccess: () => Option.none<string>()
  })
  if (Option.isNone(refusal)) return yield* new CommandFailed({ message: "the server still knows the session" })
  yield* step("bad", "inbox", `the client's session is dead: ${refusal.value}`)
  const texts = yield* anew(inbox)
  yield* ensureEqual("the inbox", texts, [sentences[0]])
  yield* step("bad", "inbox", `after a reconnect: ${texts.length} of ${sentences.length} messages; two are lost`)
})

/** Until the outbox holds nothing that waits; 30 s at most. */
const drained = Effect.gen(function*() {
  const daemon = yield* DaemonClient
  const { relays } = yield* daemon.ask((client) => client.status())
  const waiting = relays.reduce((sum, { outbox }) => sum + outbox.pending + outbox.inflight + outbox.held, 0)
  const dead = relays.reduce((sum, { outbox }) => sum + outbox.dead, 0)
  if (waiting > 0 || dead > 0) {
    return yield* new CommandFailed({ message: `not delivered: ${waiting} still wait, ${dead} are dead letters` })
  }
}).pipe(Effect.retry(Schedule.upTo(Schedule.spaced("100 millis"), { duration: "30 seconds" })))

/** The client speaks to Holdfast, and Holdfast to the server. */
export const through = Effect.fn("demo.through")(
  function*<E, R>(relay: Running, restart: Effect.Effect<Running, E, R>) {
    yield* ensureEqual("the outcomes", yield* outage(relay, restart), ["Answered", "Queued", "Queued", "Answered"])
    yield* drained
    yield* step("good", "deliver", "Holdfast has delivered what was queued")
    const texts = yield* inbox
    yield* ensureEqual("the inbox", texts, sentences)
    yield* step("good", "inbox", `in the same session: all ${texts.length} messages, each once, in order`)
  }
)

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
  const endpoint = yield* untilReady("the daemon", daemon, provenDaemon(data))
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
