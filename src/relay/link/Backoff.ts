/** How long to wait before the next probe: exponential, jittered, and only then capped, so that the cap holds. */
import { Duration, Effect, Random } from "effect"
import { isLoopback } from "../../domain/Loopback.ts"

export interface BackoffOptions {
  readonly base: Duration.Duration
  readonly cap: Duration.Duration
}

/** Whole milliseconds; `step` counts from 0. The jitter is a fifth either way. */
export const backoffMillis = (step: number, { base, cap }: BackoffOptions): Effect.Effect<number> =>
  Effect.map(
    Random.next,
    (random) => Math.floor(Math.min(Duration.toMillis(base) * 2 ** step * (0.8 + 0.4 * random), Duration.toMillis(cap)))
  )

/** A relay on this machine is back sooner, and costs less to ask. */
export const backoffFor = ({ hostname }: URL, settings: {
  readonly backoffBase: Duration.Duration
  readonly backoffCap: Duration.Duration
  readonly backoffCapLoopback: Duration.Duration
}): BackoffOptions => ({
  base: settings.backoffBase,
  cap: isLoopback(hostname) ? settings.backoffCapLoopback : settings.backoffCap
})
