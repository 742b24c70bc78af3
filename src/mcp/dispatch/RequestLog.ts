/** Reports each request of an agent: a line in the log, a count, a duration, and a span where traces go out (BEHAVIOUR 11). */
import { Clock, Effect, identity, Metric, Option, Predicate } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import { RelayTarget } from "../../config/Settings.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type * as Message from "../../domain/Message.ts"
import { isKnown } from "../../domain/Methods.ts"
import { Happenings, ofAgent } from "../../observability/Happenings.ts"
import { LogThreshold } from "../../observability/LogThreshold.ts"
import * as Metrics from "../../observability/Metrics.ts"
import * as Traces from "../../observability/Traces.ts"
import type { Outcome, RequestContext } from "../handlers/Handler.ts"

const outcomes: ReadonlyArray<Outcome | "cancelled"> = ["answered", "queued", "cached", "error", "cancelled"]

export const make = Effect.gen(function*() {
  const { id: relay } = yield* RelayTarget
  const clock = yield* Clock.Clock
  const { isEnabled } = yield* LogThreshold
  const services = yield* Effect.context<never>()
  const now = () => clock.monotonicTimeNanosUnsafe()
  const happenings = yield* Happenings

  for (const outcome of outcomes) {
    yield* Metrics.declare(Metrics.calls, { relay, outcome })
    yield* Metrics.declare(Metrics.operationDuration, { relay, outcome, mcp_method_name: "tools/call" })
  }

  // Made once for each combination: labels are costly to look up.
  const counterOf = remembering((outcome) => Metric.withAttributes(Metrics.calls, { relay, outcome }))
  const durationsOf = remembering((outcome) =>
    remembering((method) =>
      Metric.withAttributes(Metrics.operationDuration, { relay, outcome, mcp_method_name: method })
    )
  )

  const tellAnswered = (
    { session, trace }: RequestContext,
    outcome: Outcome | "cancelled",
    startedAt: bigint,
    millis: number
  ): void => {
    if (trace === undefined) return
    const { call, content, entry, key, lane, progress, relayAt, sentAt, tool } = trace
    happenings.tell("call.answered", ofAgent(session.agent), {
      relay,
      call,
      tool,
      outcome,
      ...key !== undefined && { key },
      ...lane !== undefined && { lane },
      ...entry !== undefined && { entry },
      ...sentAt !== undefined && { sentAfter: rounded(Number(sentAt - startedAt) / 1e6) },
      ...relayAt !== undefined && { relayAfter: rounded(Number(relayAt - startedAt) / 1e6) },
      millis: rounded(millis),
      ...progress > 0 && { progress },
      ...content !== undefined && { content }
    }, session.id)
  }

  return {
    now,
    started: ({ request, session, trace }: RequestContext): void => {
      if (trace === undefined) return
      const { call, tool } = trace
      const content = happenings.withContent ? JsonText.at(request.text, ["params", "arguments"]) : undefined
      happenings.tell(
        "call.started",
        ofAgent(session.agent),
        content === undefined ? { relay, call, tool } : { relay, call, tool, content },
        session.id
      )
    },
    /** Counts it; gives the line to log, where one is. Neither the request's arguments nor a secret is ever looked at. */
    ended: (
      context: RequestContext,
      outcome: Outcome | "cancelled",
      startedAt: bigint
    ): Effect.Effect<void> | undefined => {
      const { request: { method, params }, session } = context
      const millis = Number(now() - startedAt) / 1e6
      counterOf(outcome).updateUnsafe(1, services)
      durationsOf(outcome)(isKnown(method) ? method : "other").updateUnsafe(millis / 1000, services)
      tellAnswered(context, outcome, startedAt, millis)
      const level = outcome === "answered" ? "Debug" : "Info"
      if (!isEnabled(level)) return undefined
      const tool = params["name"]
      return Effect.logWithLevel(level)(method, {
        relay,
        agent: session.agent,
        session: session.id,
        tool: method === "tools/call" && Predicate.isString(tool) ? tool : undefined,
        outcome,
        millis: Math.round(millis)
      })
    }
  }
})

/** Milliseconds, to the hundredth. */
const rounded = (millis: number): number => Math.round(millis * 100) / 100

/** Makes each once. */
const remembering = <A>(make: (key: string) => A): (key: string) => A => {
  const made = new Map<string, A>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const one = make(key)
    made.set(key, one)
    return one
  }
}

// A span for each request of an agent, until it is answered, below the one that its `traceparent` names; named as
// OpenTelemetry's conventions for MCP have it. Where no traces go out it costs nothing.

/** Never arguments: of a call its tool alone. */
const targetOf = ({ method, params }: Message.Request): string | undefined =>
  method === "tools/call" && Predicate.isString(params["name"]) ? params["name"] : undefined

export const span = Effect.map(Traces.exported, (exported) =>
(
  { headers, request, session }: RequestContext
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  if (!exported) return identity
  const { method } = request
  const target = targetOf(request)
  const parent = HttpTraceContext.w3c(Headers.fromInput({ traceparent: headers["traceparent"] }))
  return Effect.withSpan(target === undefined ? method : `${method} ${target}`, {
    kind: "server",
    ...Option.match(parent, { onNone: () => ({ root: true }), onSome: (parent) => ({ parent }) }),
    attributes: {
      "mcp.method.name": method,
      "holdfast.agent": session.agent,
      ...(target === undefined ? {} : { "gen_ai.tool.name": target })
    }
  })
})
