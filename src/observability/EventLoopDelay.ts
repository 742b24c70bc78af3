/** Measures how late timers fire, which tells a busy process from a slow relay. */
import { Effect, Metric } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Metrics from "./Metrics.ts"

/** Milliseconds between two measurements; each measurement includes them. */
const resolution = 20
const every = "10 seconds"
const quantiles = [0.5, 0.99, 1]

const seconds = (histogram: ReturnType<typeof monitorEventLoopDelay>, quantile: number): number =>
  histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(quantile * 100) / 1e9 - resolution / 1000)

/** Measures for ever, each window of 10 s on its own; to be supervised. */
export const sample: Effect.Effect<never> = Effect.acquireRelease(
  Effect.sync(() => {
    const histogram = monitorEventLoopDelay({ resolution })
    histogram.enable()
    return histogram
  }),
  (histogram) => Effect.sync(() => histogram.disable())
).pipe(
  Effect.flatMap((histogram) =>
    Effect.forever(Effect.gen(function*() {
      for (const quantile of quantiles) {
        const series = Metric.withAttributes(Metrics.eventLoopDelay, { quantile: String(quantile) })
        yield* Metric.update(series, seconds(histogram, quantile))
      }
      histogram.reset()
      yield* Effect.sleep(every)
    }))
  ),
  Effect.scoped
)
