/**
 * The agents' endpoint: one HTTP server on loopback (BEHAVIOUR 1).
 *
 * Each request is one fiber, which ends when its connection does. Checked in this order: Host and Origin, path, method,
 * secret, headers, body. Whatever is refused here is a JSON-RPC error that names what was wrong and the way out.
 */
import { Cause, Context, Effect, FiberSet, Layer, Option } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Server } from "node:net"
import { Settings } from "../../config/Settings.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { Gateways } from "../Gateway.ts"
import { ExtraRoutes } from "./ExtraRoutes.ts"
import { guard } from "./HostGuard.ts"
import * as HttpReply from "./HttpReply.ts"
import * as Listener from "./Listener.ts"
import * as McpRoute from "./McpRoute.ts"
import { OpenStreams } from "./OpenStreams.ts"
import * as OperatorRoutes from "./OperatorRoutes.ts"
import { refusal } from "./Refusal.ts"

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
      const open = new OpenStreams()
      const handle = yield* makeHandler(open)
      const run = yield* FiberSet.runtime(yield* FiberSet.make())()

      const server = yield* Listener.makeServer((request, response) => {
        if (open.stopping) response.shouldKeepAlive = false
        const fiber = run(handle(request, response))
        response.on("close", () => fiber.interruptUnsafe())
        // A connection that breaks is nobody's failure, and its close is what counts.
        response.on("error", () => {})
      })
      const port = yield* Listener.listen(server, listen)
      const origin = Listener.originOf(listen.host, port)
      yield* Metrics.observed(Metrics.streams, {}, () => open.size)

      return Endpoint.of({
        url: `${origin}/mcp`,
        origin,
        port,
        stopAccepting: Effect.sync(() => {
          open.stopping = true
          // Not http's own close, which would break idle connections that a client is about to use.
          Server.prototype.close.call(server)
        }),
        closeStreams: open.close
      })
    })
  )
}

const relayPath = /^\/mcp(?:\/([^/]+))?$/

const makeHandler = Effect.fnUntraced(function*(open: OpenStreams) {
  const gateways = yield* Gateways
  const extra = yield* ExtraRoutes
  const { listen } = yield* Settings
  const mcp = yield* McpRoute.make(open)
  const operator = yield* OperatorRoutes.make(open)

  const route = Effect.fnUntraced(function*(request: IncomingMessage, response: ServerResponse) {
    const refused = guard(request.headers, listen)
    if (refused !== undefined) return yield* refused

    const [path = ""] = (request.url ?? "").split("?", 1)
    const relay = relayPath.exec(path)
    if (relay !== null) {
      const name = relay[1] ?? "default"
      const gateway = yield* gateways.find(name)
      if (Option.isSome(gateway)) return yield* mcp(gateway.value, request, response)
      return yield* refusal(404, `no relay is called ${JSON.stringify(name)}; /mcp is the default one`)
    }
    const answered = operator(path, request, response)
    if (answered !== undefined) return yield* answered
    const handler = extra.find(path)
    if (handler !== undefined) return handler(request, response)
    return yield* refusal(404, "there is nothing here; the MCP endpoint is /mcp")
  })

  return (request: IncomingMessage, response: ServerResponse) =>
    route(request, response).pipe(
      Effect.catchTag("Refusal", (refused) => HttpReply.refuse(response, refused)),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.andThen(
          Effect.logError("a request failed in Holdfast itself", cause),
          failed(response)
        )
      )
    )
})

const failed = (response: ServerResponse): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (response.headersSent) return Effect.sync(() => response.destroy())
    return HttpReply.refuse(
      response,
      refusal(500, "Holdfast failed on this request; its log says why", { code: codes.internal })
    )
  })
