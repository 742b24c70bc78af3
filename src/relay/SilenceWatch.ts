/**
 * Ends a wait for a relay that hangs, and not one for a relay that is slow (BEHAVIOUR 4).
 *
 * After `silence` without bytes the relay is probed beside the wait; `failures` in a row end it as `Silent`. Only bytes
 * of a body count: official servers send an event stream's headers at once.
 */
import { type Clock, Duration, Effect, Option } from "effect"
import { RelayFailure, Silent, TimedOut } from "./RelayFailure.ts"

export interface SilenceWatchOptions {
  readonly clock: Clock.Clock
  readonly probe: Effect.Effect<boolean>
  readonly silence: Duration.Duration
  readonly failures: number
  /** The bound on everything guarded, milliseconds from now. */
  readonly within?: number | undefined
}

export class SilenceWatch {
  readonly #options: SilenceWatchOptions
  readonly #startedAt: number
  readonly #silence: number
  #heardAt: number
  /** When a probe was answered last. */
  #probedAt = 0

  constructor(options: SilenceWatchOptions) {
    this.#options = options
    this.#silence = Duration.toMillis(options.silence)
    this.#startedAt = this.#now()
    this.#heardAt = this.#startedAt
  }

  #now(): number {
    return Math.floor(this.#options.clock.currentTimeMillisUnsafe())
  }

  /** Bytes came. */
  readonly heard = (): void => {
    this.#heardAt = this.#now()
  }

  readonly guard = <A, R>(wait: Effect.Effect<A, RelayFailure, R>): Effect.Effect<A, RelayFailure, R> =>
    Effect.raceFirst(wait, this.#ends())

  #ends = Effect.fnUntraced(function*(this: SilenceWatch): Effect.fn.Return<never, RelayFailure> {
    const { failures: most, probe, within = Infinity } = this.#options
    let failures = 0
    while (true) {
      const now = this.#now()
      const left = this.#startedAt + within - now
      if (left <= 0) return yield* this.#expired(now, within)
      const quiet = failures > 0 ? 0 : Math.max(this.#heardAt, this.#probedAt) + this.#silence - now
      if (quiet > 0) {
        yield* Effect.sleep(Math.min(quiet, left))
        continue
      }
      const heardAt = this.#heardAt
      const answered = yield* Number.isFinite(left) ? Effect.timeoutOption(probe, left) : Effect.map(probe, Option.some)
      if (Option.isNone(answered)) continue
      if (answered.value) this.#probedAt = this.#now()
      if (answered.value || this.#heardAt !== heardAt) failures = 0
      else if (++failures >= most) return yield* this.#silent(this.#now())
    }
  })

  #silent(now: number) {
    return new RelayFailure({ reason: new Silent({ millis: now - this.#heardAt }) })
  }

  #expired(now: number, within: number) {
    const alive = this.#probedAt > this.#heardAt || now - this.#heardAt < Math.min(this.#silence, within)
    return alive ? new RelayFailure({ reason: new TimedOut({ millis: within }) }) : this.#silent(now)
  }
}
