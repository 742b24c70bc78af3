/** `/healthz`, `/readyz` and `/metrics`, for probes and scrapers: on the endpoint's port, and on `observe.listen` (BEHAVIOUR 11). */
import { Context, Effect, Layer, Option } from "effect"
import { PrometheusMetrics } from "effect/observability"
import type { IncomingMessage } from "node:http"
import { Agents } from "../../agents/Agents.ts"
import { families, Samplers } from "../../observability/Metrics.ts"
import { RelayRegistry } from "../RelayRegistry.ts"
import type { Connection } from "../streams/Connection.ts"
import { methodNotAllowed, refuse } from "./Refusal.ts"

export interface ReadinessState {
  readonly ready: boolean
  /** In words, each with what it concerns: `relay default is down`. */
  readonly degraded: ReadonlyArray<string>
}

/**
 * What `/readyz` says. Ready once the whole daemon has started, its files included. Degraded where a relay is down or
 * rejects a token, where a token's source fails, or where the disk cannot be written to; degraded is still ready, since a
 * relay that is down is what Holdfast is for.
 */
export class Readiness extends Context.Service<Readiness, {
  readonly state: Effect.Effect<ReadinessState>
  /** The runner calls it last. */
  readonly started: Effect.Effect<void>
  /** From here on the daemon is not ready. */
  readonly stopping: Effect.Effect<void>
}>()("holdfast/mcp/Readiness") {
  static readonly layerNoDeps = Layer.effect(
    Readiness,
    Effect.gen(function*() {
      const registry = yield* RelayRegistry
      const agents = yield* Agents
      let ready = false

      const state = Effect.gen(function*() {
        const degraded: Array<string> = []
        for (const relay of yield* registry.list) {
          const link = yield* relay.link.state
          if (link._tag === "Down") degraded.push(`relay ${relay.id} is down: ${link.why}`)
          for (const agent of yield* agents.list) {
            const { lastError, state } = yield* relay.token.status(agent)
            if (state !== "rejected") continue
            // Without the source's own words: everybody on this machine can read this.
            const who = Option.exists(lastError, ({ code }) => code === "refused") ? `relay ${relay.id}` : "its source"
            degraded.push(`the token of agent ${agent} at relay ${relay.id} is rejected by ${who}`)
          }
          if (!(yield* relay.outbox.stats).writable) {
            degraded.push(`the outbox of relay ${relay.id} cannot write to disk`)
          }
        }
        return { ready, degraded }
      })

      return Readiness.of({
        state,
        started: Effect.sync(() => {
          ready = true
        }),
        stopping: Effect.sync(() => {
          ready = false
        })
      })
    })
  )
}

/** Of `prometheus`: the text exposition format, version 0.0.4. */
const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** All metrics as they are now, for a scraper. A family that has no series yet is there with its type. */
export const prometheus: Effect.Effect<string> = Effect.gen(function*() {
  const samplers = yield* Samplers
  yield* Effect.forEach(samplers, (sampler) => Effect.ignoreCause(sampler), { discard: true })
  const text = yield* PrometheusMetrics.format()
  const absent = families.filter(({ name }) => !text.includes(`# TYPE ${name} `))
  return text + absent.map(({ description, name, type }) => `# HELP ${name} ${description}\n# TYPE ${name} ${type}\n`)
    .join("")
})

type Route = (connection: Connection) => Effect.Effect<void>

/** `undefined` where the path is none of them. */
export const make = Effect.gen(function*() {
  const readiness = yield* Readiness

  const routes: Readonly<Record<string, Route>> = {
    "/healthz": (connection) => Effect.sync(() => connection.reply(200, "ok\n", { "content-type": "text/plain" })),
    "/readyz": (connection) =>
      Effect.map(readiness.state, (state) => connection.reply(state.ready ? 200 : 503, `${JSON.stringify(state)}\n`)),
    "/metrics": (connection) =>
      Effect.map(prometheus, (text) => connection.reply(200, text, { "content-type": contentType }))
  }

  return (path: string, { method }: IncomingMessage): Route | undefined => {
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (route === undefined || method === "GET" || method === "HEAD") return route
    return (connection) => Effect.sync(() => refuse(connection, methodNotAllowed(method, "GET, HEAD")))
  }
})
