/** `/healthz`, `/readyz` and `/metrics`, for probes and scrapers (BEHAVIOUR 11). */
import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import { contentType, prometheus } from "../../observability/Prometheus.ts"
import type { Connection } from "../streams/Connection.ts"
import { Readiness } from "./Readiness.ts"
import { methodNotAllowed, refuse } from "./Refusal.ts"

type Route = (connection: Connection) => Effect.Effect<void>

/** `undefined` where the path is none of them. */
export const make = Effect.fnUntraced(function*(isStopping: () => boolean) {
  const readiness = yield* Readiness

  const routes: Readonly<Record<string, Route>> = {
    "/healthz": (connection) => Effect.sync(() => connection.reply(200, "ok\n", { "content-type": "text/plain" })),
    "/readyz": (connection) =>
      Effect.map(readiness.state, (state) => {
        const ready = state.ready && !isStopping()
        connection.reply(ready ? 200 : 503, `${JSON.stringify({ ...state, ready })}\n`)
      }),
    "/metrics": (connection) =>
      Effect.map(prometheus, (text) => connection.reply(200, text, { "content-type": contentType }))
  }

  return (path: string, { method }: IncomingMessage): Route | undefined => {
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (route === undefined || method === "GET" || method === "HEAD") return route
    return (connection) => Effect.sync(() => refuse(connection, methodNotAllowed(method, "GET, HEAD")))
  }
})
