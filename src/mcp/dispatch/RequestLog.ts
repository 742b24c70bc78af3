/** How a request of an agent ended: one line in the log, one count, one duration (BEHAVIOUR 11). */
import { Clock, Effect, Metric, Predicate } from "effect"
import { RelayTarget } from "../../config/Settings.ts"
import { isKnown } from "../../domain/Methods.ts"
import { LogThreshold } from "../../observability/LogThreshold.ts"
import * as Metrics from "../../observability/Metrics.ts"
import type { Outcome, RequestContext } from "../handlers/Handler.ts"

const outcomes: ReadonlyArray<Outcome | "cancelled"> = ["answered", "queued", "cached", "error", "cancelled"]

export const make = Effect.gen(function*() {
  const { id: relay } = yield* RelayTarget
  const clock = yield* Clock.Clock
  const { isEnabled } = yield* LogThreshold
  const counters = new Map<string, Metric.Counter<number>>()
  const durations = new Map<string, Metric.Histogram<number>>()
  const now = () => clock.monotonicTimeNanosUnsafe()

  for (const outcome of outcomes) {
    yield* Metrics.declare(Metrics.calls, { relay, outcome })
    yield* Metrics.declare(Metrics.operationDuration, { relay, outcome, mcp_method_name: "tools/call" })
  }

  // Made once for each combination: labels are costly to look up.
  const counterOf = (outcome: string) => {
    const known = counters.get(outcome)
    if (known !== undefined) return known
    const made = Metric.withAttributes(Metrics.calls, { relay, outcome })
    counters.set(outcome, made)
    return made
  }
  const durationOf = (method: string, outcome: string) => {
    const key = `${outcome} ${method}`
    const known = durations.get(key)
    if (known !== undefined) return known
    const made = Metric.withAttributes(Metrics.operationDuration, { relay, outcome, mcp_method_name: method })
    durations.set(key, made)
    return made
  }

  return {
    now,
    /** Neither the request's arguments nor a secret is ever looked at. */
    ended: Effect.fnUntraced(function*(
      { request: { method, params }, session }: RequestContext,
      outcome: Outcome | "cancelled",
      startedAt: bigint
    ) {
      const millis = Number(now() - startedAt) / 1e6
      yield* Metric.update(counterOf(outcome), 1)
      yield* Metric.update(durationOf(isKnown(method) ? method : "other", outcome), millis / 1000)
      const level = outcome === "answered" ? "Debug" : "Info"
      if (!isEnabled(level)) return
      const tool = params["name"]
      yield* Effect.annotateLogs(Effect.logWithLevel(level)(method), {
        relay,
        agent: session.agent,
        session: session.id,
        ...(method === "tools/call" && Predicate.isString(tool) ? { tool } : {}),
        outcome,
        millis: Math.round(millis)
      })
    })
  }
})
