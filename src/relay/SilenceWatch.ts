/**
 * Ends a wait for a relay that hangs, and not one for a relay that is slow (BEHAVIOUR 4).
 *
 * After `silence` without bytes the relay is probed beside the wait; `maxFailures` in a row end it as `Silent`. Only bytes
 * of a body count: official servers send an event stream's headers at once. It is two deadlines and no fiber; a probe is
 * forked when one is due.
 */
import { type Clock, Duration, Effect } from "effect"
import type { Deadline, Deadlines } from "../supervision/Deadlines.ts"
import { RelayFailure, Silent, TimedOut } from "./RelayFailure.ts"
import type { AttemptWatch } from "./transport/RelayAnswer.ts"

export interface SilenceWatchOptions {
  readonly clock: Clock.Clock
  readonly deadlines: Deadlines["Service"]
  /** Starts a probe in the background and calls back whether the relay answered it. */
  readonly probe: (done: (alive: boolean) => void) => void
  readonly silence: Duration.Duration
  readonly maxFailures: number
  /** The bound on everything watched, milliseconds from now. */
  readonly timeout?: number | undefined
  /** Called whenever bytes come. */
  readonly onHeard?: (() => void) | undefined
}

export class SilenceWatch implements AttemptWatch {
  readonly #options: SilenceWatchOptions
  readonly #startedAt: number
  readonly #silence: number
  readonly #quiet: Deadline
  readonly #timeout: Deadline | undefined
  #heardAt: number
  /** When a probe was answered last. */
  #probedAt = 0
  #failures = 0
  #closed = false
  #failure: RelayFailure | undefined
  #listener: ((failure: RelayFailure) => void) | undefined

  constructor(options: SilenceWatchOptions) {
    const { deadlines, silence, timeout } = options
    this.#options = options
    this.#silence = Duration.toMillis(silence)
    this.#startedAt = this.#now()
    this.#heardAt = this.#startedAt
    // Where both fall due at once, the bound comes first.
    this.#timeout = timeout === undefined ? undefined : deadlines.after(timeout, () => this.#expire(timeout))
    this.#quiet = deadlines.after(this.#silence, () => this.#probe())
  }

  #now(): number {
    return Math.floor(this.#options.clock.currentTimeMillisUnsafe())
  }

  readonly heard = (): void => {
    this.#heardAt = this.#now()
    this.#options.onHeard?.()
    if (!this.#closed) this.#quiet.restart()
  }

  listen(listener: (failure: RelayFailure) => void): void {
    if (this.#failure === undefined) this.#listener = listener
    else listener(this.#failure)
  }

  unlisten(listener: (failure: RelayFailure) => void): void {
    if (this.#listener === listener) this.#listener = undefined
  }

  /** What is left of the bound, milliseconds; at least 0. */
  get remaining(): number {
    const { timeout } = this.#options
    return timeout === undefined ? Infinity : Math.max(0, this.#startedAt + timeout - this.#now())
  }

  /** Nothing is watched any more. */
  close(): void {
    this.#closed = true
    this.#quiet.cancel()
    this.#timeout?.cancel()
  }

  /** A wait that does not listen by itself. */
  readonly guard = <A, R>(wait: Effect.Effect<A, RelayFailure, R>): Effect.Effect<A, RelayFailure, R> =>
    Effect.raceFirst(
      wait,
      Effect.callback<never, RelayFailure>((resume) => {
        const listener = (failure: RelayFailure) => resume(Effect.fail(failure))
        this.listen(listener)
        return Effect.sync(() => this.unlisten(listener))
      })
    )

  #probe(): void {
    const heardAt = this.#heardAt
    this.#quiet.cancel()
    this.#options.probe((alive) => {
      if (this.#closed || this.#failure !== undefined) return
      if (alive) this.#probedAt = this.#now()
      if (alive || this.#heardAt !== heardAt) {
        this.#failures = 0
        // Bytes that came meanwhile have restarted it themselves.
        if (alive) this.#quiet.restart()
      } else if (++this.#failures >= this.#options.maxFailures) this.#end(this.#silent())
      else this.#probe()
    })
  }

  #expire(timeout: number): void {
    const now = this.#now()
    const alive = this.#probedAt > this.#heardAt || now - this.#heardAt < Math.min(this.#silence, timeout)
    this.#end(alive ? new RelayFailure({ reason: new TimedOut({ millis: timeout }) }) : this.#silent())
  }

  #silent(): RelayFailure {
    return new RelayFailure({ reason: new Silent({ millis: this.#now() - this.#heardAt }) })
  }

  #end(failure: RelayFailure): void {
    if (this.#closed || this.#failure !== undefined) return
    this.#failure = failure
    this.close()
    this.#listener?.(failure)
  }
}
