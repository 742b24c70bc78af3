/** How a request of an agent ended: one line in the log, one count, one duration (BEHAVIOUR 11). */
import { Clock, Context, Effect, Layer, Metric, Predicate } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import type { Request } from "../domain/Message.ts"
import * as Metrics from "../observability/Metrics.ts"
import type { AgentSession } from "./sessions/AgentSession.ts"

export type Outcome = "answered" | "queued" | "cached" | "error"

/** Whoever settles a request otherwise than with the relay's answer says so here. */
export interface Noted {
  outcome: Outcome
}

/** One for each relay. */
export class Outcomes extends Context.Service<Outcomes, {
  /** Runs the request and reports how it ended; neither its arguments nor a secret is ever looked at. */
  readonly reported: <A, E, R>(
    session: AgentSession,
    request: Request,
    noted: Noted,
    run: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}>()("holdfast/mcp/Outcomes") {
  static readonly layer = Layer.effect(
    Outcomes,
    Effect.gen(function*() {
      const { id: relay } = yield* RelayTarget
      const counted = (outcome: Outcome) => Metric.withAttributes(Metrics.calls, { relay, outcome })
      const counters = {
        answered: counted("answered"),
        queued: counted("queued"),
        cached: counted("cached"),
        error: counted("error")
      }

      for (const outcome of Object.keys(counters)) {
        yield* Metrics.declare(Metrics.calls, { relay, outcome })
        yield* Metrics.declare(Metrics.operationDuration, { relay, outcome, mcp_method_name: "tools/call" })
      }

      return Outcomes.of({
        reported: (session, request, noted, run) =>
          Effect.flatMap(
            Clock.monotonicTimeNanos,
            (from) => Effect.ensuring(run, Effect.suspend(() => report(session, request, noted.outcome, from)))
          )
      })

      function report(session: AgentSession, request: Request, outcome: Outcome, from: bigint) {
        return Effect.gen(function*() {
          const millis = Number((yield* Clock.monotonicTimeNanos) - from) / 1e6
          yield* Metric.update(counters[outcome], 1)
          yield* Metric.update(
            Metric.withAttributes(Metrics.operationDuration, {
              relay,
              outcome,
              mcp_method_name: known.has(request.method) ? request.method : "other"
            }),
            millis / 1000
          )
          const log = outcome === "answered" ? Effect.logDebug : Effect.logInfo
          const tool = request.params["name"]
          yield* Effect.annotateLogs(log(request.method), {
            relay,
            agent: session.agent,
            session: session.id,
            ...(request.method === "tools/call" && Predicate.isString(tool) ? { tool } : {}),
            outcome,
            millis: Math.round(millis)
          })
        })
      }
    })
  )
}

/** Methods that the protocol defines; a label never holds what an agent made up. */
const known = new Set([
  "ping",
  "tools/list",
  "tools/call",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "completion/complete",
  "logging/setLevel"
])
