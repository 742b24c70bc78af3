/** How a relay fared in the last hour, as the admin API tells it. */
import { Schema } from "effect"
import { RelayId } from "../domain/Ids.ts"

export const Sample = Schema.Struct({
  /** Milliseconds since the epoch. */
  at: Schema.Int,
  /** Calls that were queued, or on their way out of the queue. */
  waiting: Schema.Int,
  /** How long the oldest of them had waited. */
  oldestMillis: Schema.Int,
  /** Calls that agents were answered since the sample before. */
  calls: Schema.Int,
  /** In how many milliseconds half of those were answered, and 19 of 20; from the histogram's buckets, so roughly. */
  p50: Schema.NullOr(Schema.Number),
  p95: Schema.NullOr(Schema.Number)
})
export type Sample = typeof Sample.Type

export const RelaySamples = Schema.Struct({
  relay: RelayId,
  /** Oldest first, one each 10 s; in memory, so they begin with the daemon. */
  samples: Schema.Array(Sample)
})
export type RelaySamples = typeof RelaySamples.Type
