import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { families, Samplers } from "./Metrics.ts"

/** Of `prometheus`: the text exposition format, version 0.0.4. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** All metrics as they are now, for a scraper. A family that has no series yet is there with its type. */
export const prometheus: Effect.Effect<string> = Effect.gen(function*() {
  const samplers = yield* Samplers
  yield* Effect.forEach(samplers, (sampler) => Effect.ignoreCause(sampler), { discard: true })
  const text = yield* PrometheusMetrics.format()
  const absent = families.filter(({ name }) => !text.includes(`# TYPE ${name} `))
  return text + absent.map(({ description, name, type }) => `# HELP ${name} ${description}\n# TYPE ${name} ${type}\n`)
    .join("")
})
