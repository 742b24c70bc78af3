/**
 * The agents' endpoint: one HTTP server on loopback (BEHAVIOUR 1).
 *
 * Checked in this order: Host and Origin, path, method, secret, headers, body. Whatever is refused here is a JSON-RPC
 * error that names what was wrong and the way out.
 */
import { Cause, Context, Effect, FiberSet, Layer } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Server } from "node:net"
import { Settings } from "../../config/Settings.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import { PortHolder } from "../../supervision/PortHolder.ts"
import { RelayRegistry } from "../RelayRegistry.ts"
import { Connection } from "../streams/Connection.ts"
import { OpenStreams } from "../streams/OpenStreams.ts"
import { ExtraRoutes } from "./ExtraRoutes.ts"
import { guard } from "./HostGuard.ts"
import * as Listener from "./Listener.ts"
import * as McpRoute from "./McpRoute.ts"
import * as OperatorRoutes from "./OperatorRoutes.ts"
import { methodNotAllowed, refusal, refuse } from "./Refusal.ts"

export class Endpoint extends Context.Service<Endpoint, {
  /** What agents connect to: `http://127.0.0.1:4851/mcp`. */
  readonly url: string
  /** The same without a path. */
  readonly origin: string
  readonly port: number
  /** First stage of stopping: no new connections; new requests on open ones are answered -31003. */
  readonly stopAccepting: Effect.Effect<void>
  /** Second stage: ends the open streams and tells their clients when to come back. The layer's end closes the rest. */
  readonly closeStreams: Effect.Effect<void>
}>()("holdfast/mcp/Endpoint") {
  /** Listens when it is built; fails with `PortTaken` or `CannotListen`. */
  static readonly layerNoDeps = Layer.effect(
    Endpoint,
    Effect.gen(function*() {
      const { listen } = yield* Settings
      const openStreams = yield* OpenStreams
      const readiness = yield* OperatorRoutes.Readiness
      let stopping = false
      const handle = yield* makeHandler(() => stopping)

      const server = yield* Listener.makeServer((request, response) => {
        if (stopping) response.shouldKeepAlive = false
        handle(request, response)
      })
      const holder = yield* PortHolder
      const { host, port } = yield* Listener.listen(server, listen)
      const origin = Listener.originOf(host, port)

      return Endpoint.of({
        url: `${origin}/mcp`,
        origin,
        port,
        stopAccepting: Effect.suspend(() => {
          stopping = true
          // Not http's own close, which would break idle connections that a client is about to use.
          Server.prototype.close.call(server)
          return Effect.andThen(readiness.stopping, holder.release)
        }),
        closeStreams: Effect.sync(openStreams.closeAll)
      })
    })
  )

  /** With its port, its readiness and a place for further routes: over the relays. */
  static readonly layer = Endpoint.layerNoDeps.pipe(
    Layer.provideMerge(
      Layer.mergeAll(OperatorRoutes.Readiness.layerNoDeps, ExtraRoutes.layer, Listener.RememberedPort.layerNoDeps)
    )
  )
}

/** `/mcp` is the relay `default`, `/mcp/<name>` any other. */
const relayPath = /^\/mcp(?:\/([^/]+))?$/

const makeHandler = Effect.fnUntraced(function*(isStopping: () => boolean) {
  const registry = yield* RelayRegistry
  const extra = yield* ExtraRoutes
  const { listen } = yield* Settings
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()

  /** What is not on the way of each call may take a fiber. */
  const run = (connection: Connection, work: Effect.Effect<void>): void => {
    const fiber = fork(
      Effect.catchCause(
        work,
        (cause) => Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.sync(() => failed(connection, cause))
      )
    )
    connection.answering = { gone: () => fiber.interruptUnsafe() }
  }

  /** What throws here would end the process. */
  const safely = (connection: Connection, work: () => void): void => {
    try {
      work()
    } catch (defect) {
      failed(connection, Cause.die(defect))
    }
  }

  const failed = (connection: Connection, cause: Cause.Cause<unknown>): void => {
    fork(Effect.logError("a request failed in Holdfast itself", cause))
    refuse(connection, refusal(500, "Holdfast failed on this request; its log says why", { code: codes.internal }))
  }

  const mcp = yield* McpRoute.make({ isStopping, safely })
  const operator = yield* OperatorRoutes.make

  const toRelay = (name: string, request: IncomingMessage, connection: Connection): void => {
    const relay = registry.find(name)?.gateway
    if (relay === undefined) {
      return refuse(connection, refusal(404, `no relay is called ${JSON.stringify(name)}; /mcp is the default one`))
    }
    switch (request.method) {
      case "POST":
        return mcp.post(relay, request, connection)
      case "GET":
        return mcp.get(relay, request, connection)
      case "DELETE":
        return run(connection, mcp.end(relay, request, connection))
      default:
        return refuse(connection, methodNotAllowed(request.method, "GET, POST, DELETE"))
    }
  }

  const route = (request: IncomingMessage, response: ServerResponse, connection: Connection): void => {
    const refused = guard(request, listen)
    if (refused !== undefined) return refuse(connection, refused)
    const [path = ""] = (request.url ?? "").split("?", 1)
    const relay = relayPath.exec(path)
    if (relay !== null) return toRelay(relay[1] ?? "default", request, connection)
    const route = operator(path, request)
    if (route !== undefined) return run(connection, route(connection))
    const handler = extra.find(path)
    if (handler !== undefined) return handler(request, response)
    return refuse(connection, refusal(404, "there is nothing here; the MCP endpoint is /mcp"))
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const connection = new Connection(response)
    safely(connection, () => route(request, response, connection))
  }
})
