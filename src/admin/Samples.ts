/**
 * The last hour of each relay, for the dashboard: a sample each 10 s, in memory.
 *
 * Nothing is added to the way of a call: how long calls took is read off the histogram that counts them anyway.
 */
import { Clock, Context, Effect, Layer, Metric, Option, Schedule } from "effect"
import type { RelayId } from "../domain/Ids.ts"
import { type Relay, RelayRegistry } from "../mcp/RelayRegistry.ts"
import * as Metrics from "../observability/Metrics.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import type { RelaySamples, Sample } from "./SamplesView.ts"

const every = "10 seconds"
const maxSamples = 360

/** Calls by how long they took: for each boundary in seconds, how many took at most that. */
type Durations = ReadonlyArray<readonly [seconds: number, count: number]>

const outcomes = ["answered", "queued", "cached", "error"] as const

const durationsOf = (relay: RelayId): Effect.Effect<Durations> =>
  Effect.map(
    Effect.forEach(outcomes, (outcome) =>
      Metric.value(
        Metric.withAttributes(Metrics.operationDuration, { relay, outcome, mcp_method_name: "tools/call" })
      )),
    ([first, ...others]) =>
      (first?.buckets ?? []).map(([seconds, count], index) =>
        [seconds, others.reduce((sum, { buckets }) => sum + (buckets[index]?.[1] ?? 0), count)] as const
      )
  )

const last = (durations: Durations): number => durations.at(-1)?.[1] ?? 0

/** Within the bucket in which that part of the calls ends, as if they were spread evenly; milliseconds. */
export const quantile = (before: Durations, after: Durations, part: number): number | null => {
  const wanted = (last(after) - last(before)) * part
  if (wanted <= 0) return null
  let below = 0
  let lower = 0
  for (const [index, [upper, count]] of after.entries()) {
    const upTo = count - (before[index]?.[1] ?? 0)
    // Above the last boundary nothing is known but that.
    if (upTo >= wanted) {
      return 1000 * (Number.isFinite(upper) ? lower + (upper - lower) * (wanted - below) / (upTo - below) : lower)
    }
    below = upTo
    lower = upper
  }
  return 1000 * lower
}

export class Samples extends Context.Service<Samples, {
  /** Of each relay that is served. */
  readonly lastHour: Effect.Effect<ReadonlyArray<RelaySamples>>
}>()("holdfast/admin/Samples") {
  static readonly layerNoDeps = Layer.effect(
    Samples,
    Effect.gen(function*() {
      const registry = yield* RelayRegistry
      const { supervise } = yield* Supervisor
      const rings = new Map<RelayId, { readonly samples: Array<Sample>; durations: Durations }>()

      const sample = Effect.fnUntraced(function*({ id, outbox }: Relay) {
        const at = Math.floor(yield* Clock.currentTimeMillis)
        const stats = yield* outbox.stats
        const durations = yield* durationsOf(id)
        const ring = rings.get(id) ?? { samples: [], durations }
        rings.set(id, ring)
        ring.samples.push({
          at,
          waiting: stats.pending + stats.inflight,
          oldestMillis: Math.max(0, Math.floor(at - Option.getOrElse(stats.oldestAt, () => at))),
          calls: last(durations) - last(ring.durations),
          p50: quantile(ring.durations, durations, 0.5),
          p95: quantile(ring.durations, durations, 0.95)
        })
        ring.durations = durations
        if (ring.samples.length > maxSamples) ring.samples.shift()
      })

      const sampleAll = Effect.gen(function*() {
        const relays = yield* registry.list
        for (const id of rings.keys()) if (!relays.some((relay) => relay.id === id)) rings.delete(id)
        yield* Effect.forEach(relays, sample, { discard: true })
      })
      yield* supervise("samples")(Effect.repeat(sampleAll, Schedule.spaced(every)))

      return Samples.of({
        lastHour: Effect.sync(() => [...rings].map(([relay, { samples }]) => ({ relay, samples: [...samples] })))
      })
    })
  )
}
