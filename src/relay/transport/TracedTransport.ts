/**
 * A span for each attempt at the relay, until its answer begins, and its `traceparent` sent along (W3C Trace Context), so
 * that the relay's own spans hang below it. Where no traces go out, what the agent sent as `traceparent` passes as it is.
 */
import { Effect, Layer } from "effect"
import { RelayTarget } from "../../config/Settings.ts"
import * as Traces from "../../observability/Traces.ts"
import { RelayTransport } from "./RelayTransport.ts"

type Transport = RelayTransport["Service"]

const traced = (transport: Transport, relay: RelayTarget["Service"]): Transport => ({
  send: (attempt) =>
    Effect.gen(function*() {
      const { sampled, spanId, traceId } = yield* Effect.orDie(Effect.currentSpan)
      const traceparent = `00-${traceId.padStart(32, "0")}-${spanId}-${sampled ? "01" : "00"}`
      const answer = yield* transport.send({ ...attempt, headers: { ...attempt.headers, traceparent } })
      yield* Effect.annotateCurrentSpan("http.response.status_code", answer.status)
      return answer
    }).pipe(Effect.withSpan(`${attempt.method} relay ${relay.id}`, {
      kind: "client",
      attributes: { "http.request.method": attempt.method, "server.address": relay.url.host }
    }))
})

/** Over the transport that is given. */
export const over = <E, R>(transport: Layer.Layer<RelayTransport, E, R>) =>
  Layer.effect(
    RelayTransport,
    Effect.gen(function*() {
      const own = yield* RelayTransport
      return (yield* Traces.exported) ? traced(own, yield* RelayTarget) : own
    })
  ).pipe(Layer.provide(transport))
