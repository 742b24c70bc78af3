/** Traces over OTLP to a collector on loopback, as the standard variables name it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { type Asked, httpServer } from "../../support/token/httpServer.ts"

const Exported = Schema.fromJsonString(Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    resource: Schema.Struct({ attributes: Schema.Unknown }),
    scopeSpans: Schema.Array(Schema.Struct({
      spans: Schema.Array(Schema.Struct({
        name: Schema.String,
        traceId: Schema.String,
        spanId: Schema.String,
        parentSpanId: Schema.optional(Schema.String)
      }))
    }))
  }))
}))

const spansIn = (asked: ReadonlyArray<Asked>) =>
  asked.flatMap(({ body }) =>
    Schema.decodeSync(Exported)(body).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans)
    )
  )

const traceId = "0af7651916cd43dd8448eb211c80319c"
const parent = "b7ad6b7169203331"

const traceparents = (relay: TestRelay) =>
  Effect.map(
    relay.requests,
    (requests) =>
      requests.flatMap(({ headers }) => [headers["traceparent"]].flat().filter((value) => value !== undefined))
  )

describe("traces", () => {
  it.live(
    "hang below the agent's span and above the relay's, which is sent the span that it was called under",
    () =>
      Effect.gen(function*() {
        const collector = yield* httpServer(() => ({ body: {} }))
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({
          relayUrl: relay.url,
          env: {
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin,
            OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
            OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=k",
            OTEL_BSP_SCHEDULE_DELAY: "100"
          }
        })
        const headers = { traceparent: `00-${traceId}-${parent}-01` }
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret, headers })
        yield* client.call("echo", { text: "not in any span" })
        const seen = yield* eventually(
          "the call's spans",
          Effect.sync(() => spansIn(collector.asked)),
          (spans) => spans.some(({ name }) => name === "tools/call echo")
        )
        const call = seen.find(({ name }) => name === "tools/call echo")
        assert.deepInclude({ ...call }, { traceId, parentSpanId: parent })
        // What the relay was sent names a span of ours, in the agent's trace.
        const sent = (yield* traceparents(relay)).filter((value) => value.includes(traceId))
        const spans = yield* eventually(
          "the relay's span",
          Effect.sync(() => spansIn(collector.asked)),
          (spans) => sent.every((value) => spans.some(({ spanId }) => value.includes(spanId)))
        )
        const attempts = spans.filter(({ spanId }) => sent.some((value) => value.includes(spanId)))
        assert.isNotEmpty(attempts)
        for (const { name } of attempts) assert.strictEqual(name, "POST relay default")
        const [request] = collector.asked
        assert.strictEqual(request?.path, "/v1/traces")
        assert.strictEqual(request?.headers["x-collector-key"], "k")
        const everything = JSON.stringify(collector.asked)
        assert.include(everything, "holdfast")
        assert.notInclude(everything, "not in any span")
      })
  )

  it.live(
    "are not made where no collector is named: the agent's traceparent passes as it is",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const headers = { traceparent: `00-${traceId}-${parent}-01` }
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret, headers })
        yield* client.call("echo", { text: "x" })
        const sent = new Set(yield* traceparents(relay))
        assert.deepStrictEqual([...sent], [headers.traceparent])
      })
  )
})
