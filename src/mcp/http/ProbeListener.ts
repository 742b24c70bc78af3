/**
 * `/healthz`, `/readyz` and `/metrics` on an address of their own, `observe.listen`, for probes and scrapers of other
 * machines (BEHAVIOUR 11). Nothing else is served there: neither agents nor the admin API, so no secret is asked for, and
 * none is told.
 *
 * It answers until the daemon has stopped, so a probe sees "not ready" and no broken connection.
 */
import { Cause, Context, Effect, FiberSet, Layer, Option, Schema } from "effect"
import { listenAddress, Settings } from "../../config/Settings.ts"
import { Connection } from "../streams/Connection.ts"
import * as Listener from "./Listener.ts"
import * as OperatorRoutes from "./OperatorRoutes.ts"
import { refusal, refuse } from "./Refusal.ts"

/** A few probes, and a few scrapers that keep their connection. */
const maxConnections = 64

export class CannotObserve extends Schema.TaggedError<CannotObserve>()("CannotObserve", {
  address: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot listen on ${this.address} for probes and scrapers: ${this.detail}; `
      + "choose another address in observe.listen, or leave it out"
  }
}

export class ProbeListener extends Context.Service<ProbeListener, {
  /** Where it listens, without a path; `None` where `observe.listen` is not set. */
  readonly origin: Option.Option<string>
}>()("holdfast/mcp/ProbeListener") {
  static readonly layerNoDeps = Layer.effect(
    ProbeListener,
    Effect.gen(function*() {
      const { observe: { listen } } = yield* Settings
      const wanted = Option.flatMap(Option.fromUndefinedOr(listen), listenAddress)
      if (Option.isNone(wanted)) return ProbeListener.of({ origin: Option.none() })

      const routes = yield* OperatorRoutes.make
      const fork = yield* FiberSet.runtime(yield* FiberSet.make())()
      const server = yield* Listener.makeServer((request, response) => {
        const connection = new Connection(response)
        const [path = ""] = (request.url ?? "").split("?", 1)
        const route = routes(path, request)
        if (route === undefined) {
          return refuse(connection, refusal(404, "there is only /healthz, /readyz and /metrics here"))
        }
        const failed = (cause: Cause.Cause<never>) =>
          Effect.andThen(
            Effect.logError("a probe failed in Holdfast itself", cause),
            Effect.sync(() => refuse(connection, refusal(500, "Holdfast failed on this request; its log says why")))
          )
        const fiber = fork(Effect.catchCause(route(connection), failed))
        connection.answering = { gone: () => fiber.interruptUnsafe() }
      }, maxConnections)

      const { host, port } = yield* Listener.open(server, wanted.value, wanted.value).pipe(
        Effect.mapError((error) =>
          new CannotObserve({
            address: listen ?? "",
            detail: error._tag === "PortTaken" ? "another program listens there" : error.detail
          })
        )
      )
      return ProbeListener.of({ origin: Option.some(Listener.originOf(host, port)) })
    })
  )
}
