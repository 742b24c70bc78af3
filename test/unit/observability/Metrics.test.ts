import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { prometheus } from "../../../src/mcp/http/OperatorRoutes.ts"
import * as Metrics from "../../../src/observability/Metrics.ts"
import { sampleEventLoopDelay } from "../../../src/observability/ProcessMetrics.ts"

const fresh = Effect.provideService(Metric.MetricRegistry, new Map())

describe("Metrics", () => {
  it.effect("are told to a scraper under their Prometheus names, or OpenTelemetry's where it has one", () =>
    Effect.gen(function*() {
      yield* Metric.update(Metric.withAttributes(Metrics.calls, { relay: "default", outcome: "queued" }), 1)
      yield* Metric.update(Metric.withAttributes(Metrics.operationDuration, { mcp_method_name: "tools/call" }), 0.3)
      const text = yield* prometheus
      assert.include(text, "# TYPE holdfast_calls_total counter")
      assert.include(text, "holdfast_calls_total{relay=\"default\",outcome=\"queued\"} 1")
      assert.include(text, "mcp_server_operation_duration_seconds_bucket{mcp_method_name=\"tools/call\",le=\"0.5\"} 1")
      assert.include(text, "mcp_server_operation_duration_seconds_sum{mcp_method_name=\"tools/call\"} 0.3")
    }).pipe(fresh))

  it.effect("that are observed are read at each scrape, and gone when their scope ends", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Metrics.observed(Metrics.outboxOldestAge, { relay: "default" }, (now) => now / 1000)
        yield* TestClock.adjust("90 seconds")
        assert.include(yield* prometheus, "holdfast_outbox_oldest_age_seconds{relay=\"default\"} 90")
        yield* TestClock.adjust("10 seconds")
        assert.include(yield* prometheus, "holdfast_outbox_oldest_age_seconds{relay=\"default\"} 100")
      }))
      assert.notInclude(yield* prometheus, "oldest_age_seconds{")
    }).pipe(fresh))

  it.effect("hold how late the event loop's timers fire", () =>
    Effect.gen(function*() {
      yield* Effect.forkChild(sampleEventLoopDelay)
      yield* TestClock.adjust("10 seconds")
      const text = yield* prometheus
      for (const quantile of ["0.5", "0.99", "1"]) {
        assert.match(text, new RegExp(`holdfast_event_loop_delay_seconds\\{quantile="${quantile}"\\} [0-9.e-]+\n`))
      }
    }).pipe(fresh))
})
