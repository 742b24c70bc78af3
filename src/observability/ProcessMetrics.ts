/** The process and its build, for a scraper. */
import { Effect, Layer, Metric } from "effect"
import { readdirSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { version } from "../domain/Version.ts"
import * as Metrics from "./Metrics.ts"

/** Linux and macOS show a process its own descriptors here; elsewhere there is no number. */
const openFds = (): number => {
  try {
    return readdirSync("/dev/fd").length
  } catch {
    return Number.NaN
  }
}

const cpuSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  return (user + system) / 1e6
}

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  yield* Metrics.observed(Metrics.buildInfo, { version, node: process.versions.node }, () => 1)
  yield* Metrics.observedTotal(Metrics.processCpu, {}, cpuSeconds)
  yield* Metrics.observed(Metrics.processMemory, {}, () => process.memoryUsage.rss())
  yield* Metrics.observed(Metrics.processOpenFds, {}, openFds)
  yield* Metrics.observed(Metrics.processStart, {}, () => performance.timeOrigin / 1000)
}))

// Measures how late timers fire, which tells a busy process from a slow relay.

/** Milliseconds between two measurements; each measurement includes them. */
const resolution = 20
const every = "10 seconds"
const quantiles = [0.5, 0.99, 1]

const seconds = (histogram: ReturnType<typeof monitorEventLoopDelay>, quantile: number): number =>
  histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(quantile * 100) / 1e9 - resolution / 1000)

/** Measures for ever, each window of 10 s on its own; to be supervised. */
export const sampleEventLoopDelay: Effect.Effect<never> = Effect.acquireRelease(
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
