/**
 * The small relay that ships with Holdfast (BEHAVIOUR 10): durable messages and workspaces for the agents of one
 * machine. A relay like any other: it is reached over HTTP with a token, and nothing else in Holdfast knows it.
 *
 * A write is on disk before it is answered, once per idempotency key. Sessions are not kept over a restart, as the
 * protocol allows; GET answers 405, since the relay never speaks first.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Context, Effect, Layer, Option, Predicate, type Redacted, Schema } from "effect"
import { McpProtocol, McpServer } from "effect/ai"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer, type RequestListener } from "node:http"
import { join } from "node:path"
import type { AgentName } from "../domain/Ids.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"
import { Caller, EmbeddedTokens } from "./EmbeddedTokens.ts"
import { Messages } from "./Messages.ts"
import * as MessageTools from "./MessageTools.ts"
import * as RelayDatabase from "./RelayDatabase.ts"
import { SocketFront } from "./socket/SocketFront.ts"
import { SocketSessions } from "./socket/SocketSessions.ts"
import { Workspaces } from "./Workspaces.ts"
import * as WorkspaceTools from "./WorkspaceTools.ts"
import { Writes } from "./Writes.ts"

const host = "127.0.0.1"
const path = "/api/mcp"

export class EmbeddedRelayPort extends Schema.TaggedError<EmbeddedRelayPort>()("EmbeddedRelayPort", {
  port: Schema.Int,
  detail: Schema.String
}) {
  override get message(): string {
    return `the embedded relay cannot listen on ${host}:${this.port} (${this.detail}): stop what uses it, or name `
      + "another port"
  }
}

const detailOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && cause.code === "EADDRINUSE" ? "another program has it" : String(cause)

export interface EmbeddedRelayOptions {
  /** 4850 without; 0 picks a free one. */
  readonly port?: number | undefined
  /** A directory of the relay's own: its database, its secret, its socket. */
  readonly directory: string
  /** Whether it listens on a Unix socket too. */
  readonly socket?: boolean | undefined
}

const registrations = Layer.mergeAll(
  McpServer.toolkit(MessageTools.MessageTools).pipe(Layer.provide(MessageTools.layer)),
  McpServer.toolkit(WorkspaceTools.WorkspaceTools).pipe(Layer.provide(WorkspaceTools.layer))
)

const endpoint = McpServer.layerHttp({
  name: "holdfast-relay",
  version: "0.1.0",
  instructions: "Messages between the agents of this machine, and what each of them is working on.",
  path,
  protocols: [
    McpProtocol.v2026_07_28,
    McpProtocol.v2025_11_25,
    McpProtocol.v2025_06_18,
    McpProtocol.v2025_03_26,
    McpProtocol.v2024_11_05
  ],
  allowSessionTermination: true,
  registrations
}).pipe(Layer.provide(Caller.middleware.layer))

export class EmbeddedRelay extends Context.Service<EmbeddedRelay, {
  /** Where an MCP client finds it. */
  readonly url: string
  /** The file of its Unix socket, where it listens on one. */
  readonly socket: Option.Option<string>
  /** The token that makes a client this agent. */
  readonly tokenFor: (agent: AgentName) => Redacted.Redacted
}>()("holdfast/embedded/EmbeddedRelay") {
  /** Listens for as long as the layer lives. */
  static readonly layer = ({ directory, port = 4850, socket = false }: EmbeddedRelayOptions) => {
    const server = NodeHttpServer.layer(startingServer, { host, port, gracefulShutdownTimeout: "1 second" }).pipe(
      Layer.catch((error) =>
        Layer.effectContext(Effect.fail(new EmbeddedRelayPort({ port, detail: detailOf(error.cause) })))
      )
    )
    const service = Layer.effect(
      EmbeddedRelay,
      Effect.gen(function*() {
        const { address } = yield* HttpServer.HttpServer
        const { tokenFor } = yield* EmbeddedTokens
        const bound = address._tag === "UnixPathAddress" ? port : address.port
        const front = yield* Effect.serviceOption(SocketFront)
        return EmbeddedRelay.of({
          url: `http://${host}:${bound}${path}`,
          socket: Option.map(front, ({ path }) => path),
          tokenFor
        })
      })
    )
    const front = socket
      ? SocketFront.layerNoDeps(join(directory, "relay.sock")).pipe(Layer.provide(SocketSessions.layerNoDeps))
      : Layer.empty
    return Layer.fresh(
      service.pipe(
        Layer.provide(HttpRouter.serve(endpoint, { disableListenLog: true, disableLogger: true })),
        Layer.provide(front),
        Layer.provide([Messages.layerNoDeps, Workspaces.layerNoDeps, Writes.layerNoDeps]),
        Layer.provide([server, RelayDatabase.layer, EmbeddedTokens.layerNoDeps]),
        Layer.provide(DataDirectory.layerAt(directory))
      )
    )
  }
}

// An HTTP server that says so while it listens and nothing answers yet: Node would leave such a request open for
// ever.

export const startingServer = () => {
  const server = createServer()
  const notYet: RequestListener = (_, response) => {
    if (server.listenerCount("request") === 1) {
      response.writeHead(503, { "retry-after": "1", connection: "close" }).end()
    }
  }
  return server.on("request", notYet)
}
