/**
 * A span for each request of an agent, until it is answered, below the one that its `traceparent` names; named as
 * OpenTelemetry's conventions for MCP have it. Where no traces go out it costs nothing.
 */
import { Effect, identity, Option, Predicate } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type { IncomingHttpHeaders } from "node:http"
import type { AgentName } from "../../domain/Ids.ts"
import type * as Message from "../../domain/Message.ts"
import * as Traces from "../../observability/Traces.ts"

/** Never arguments: of a call its tool alone. */
const targetOf = ({ method, params }: Message.Request): string | undefined =>
  method === "tools/call" && Predicate.isString(params["name"]) ? params["name"] : undefined

export const make = Effect.map(Traces.exported, (exported) =>
(
  message: Message.Message | Message.Batch,
  { agent, headers }: { readonly agent: AgentName; readonly headers: IncomingHttpHeaders }
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  if (!exported || message._tag !== "Request") return identity
  const { method } = message
  const target = targetOf(message)
  const parent = HttpTraceContext.w3c(Headers.fromInput({ traceparent: headers["traceparent"] }))
  return Effect.withSpan(target === undefined ? method : `${method} ${target}`, {
    kind: "server",
    ...Option.match(parent, { onNone: () => ({ root: true }), onSome: (parent) => ({ parent }) }),
    attributes: {
      "mcp.method.name": method,
      "holdfast.agent": agent,
      ...(target === undefined ? {} : { "gen_ai.tool.name": target })
    }
  })
})
