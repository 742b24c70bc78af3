/**
 * A span for each request of an agent, until it is answered, below the one that its `traceparent` names; named as
 * OpenTelemetry's conventions for MCP have it. Where no traces go out it costs nothing.
 */
import { Effect, identity, Option, Predicate } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type * as Message from "../../domain/Message.ts"
import * as Traces from "../../observability/Traces.ts"
import type { RequestContext } from "../handlers/Handler.ts"

/** Never arguments: of a call its tool alone. */
const targetOf = ({ method, params }: Message.Request): string | undefined =>
  method === "tools/call" && Predicate.isString(params["name"]) ? params["name"] : undefined

export const make = Effect.map(Traces.exported, (exported) =>
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
