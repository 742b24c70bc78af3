import type { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"

/** Of `prometheus`: the text exposition format, version 0.0.4. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** All metrics as they are now, for a scraper. */
export const prometheus: Effect.Effect<string> = PrometheusMetrics.format()
