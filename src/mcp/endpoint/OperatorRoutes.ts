/** `/healthz`, `/readyz` and `/metrics`, for probes and scrapers (BEHAVIOUR 11). */
import { Effect } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { contentType, prometheus } from "../../observability/Prometheus.ts"
import * as HttpReply from "./HttpReply.ts"
import type { OpenStreams } from "./OpenStreams.ts"
import { Readiness, type ReadinessState } from "./Readiness.ts"
import { methodNotAllowed, type Refusal } from "./Refusal.ts"

type Route = (response: ServerResponse) => Effect.Effect<void>

const paths = (open: OpenStreams, readiness: Effect.Effect<ReadinessState>): Readonly<Record<string, Route>> => ({
  "/healthz": (response) => HttpReply.whole(response, 200, "ok\n", {}, "text/plain"),
  "/readyz": (response) =>
    Effect.flatMap(readiness, (state) => {
      const ready = state.ready && !open.stopping
      return HttpReply.whole(response, ready ? 200 : 503, `${JSON.stringify({ ...state, ready })}\n`)
    }),
  "/metrics": (response) => Effect.flatMap(prometheus, (text) => HttpReply.whole(response, 200, text, {}, contentType))
})

/** `undefined` where the path is none of them. */
export const make = Effect.fnUntraced(function*(open: OpenStreams) {
  const routes = paths(open, yield* Readiness)
  return (
    path: string,
    request: IncomingMessage,
    response: ServerResponse
  ): Effect.Effect<void, Refusal> | undefined => {
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (route === undefined) return undefined
    if (request.method === "GET" || request.method === "HEAD") return route(response)
    return Effect.fail(methodNotAllowed(request.method, "GET, HEAD"))
  }
})
