/** When a relay that is away is probed next. One link owns it, and alone writes it. */
import { Clock, Duration, Effect, Latch } from "effect"
import { isLoopback } from "../../domain/Authority.ts"
import * as Backoff from "../../supervision/Backoff.ts"
import type { RelayFailure } from "../RelayFailure.ts"

/** While somebody waits for the link, milliseconds. */
const waitersProbeEvery = 1000

/** A relay on this machine is back sooner, and costs less to ask. */
export const backoffFor = (url: URL, settings: {
  readonly backoffBase: Duration.Duration
  readonly backoffCap: Duration.Duration
  readonly backoffCapLoopback: Duration.Duration
}): ProbeBackoff => {
  const max = isLocal(url) ? settings.backoffCapLoopback : settings.backoffCap
  return {
    ...Backoff.make(Backoff.jittered({ base: settings.backoffBase, max })),
    cap: Math.floor(Duration.toMillis(max))
  }
}

export interface ProbeBackoff extends Backoff.Backoff {
  /** The longest delay, milliseconds. */
  readonly cap: number
}

/** The relay wants no connection, and will not soon. */
export const isLasting = ({ reason }: RelayFailure): boolean =>
  reason._tag === "ConnectFailed" && reason.lasting === true

const isLocal = ({ hostname, protocol }: URL): boolean => protocol === "unix:" || isLoopback(hostname)

export class ProbeSchedule {
  /** Milliseconds since the epoch, whole. */
  nextProbeAt: number
  readonly #backoff: ProbeBackoff
  /** Released when somebody begins to wait. */
  readonly #hurry = Latch.makeUnsafe(false)
  #probedAt: number
  #waiting = 0
  /** Who waits hurries nothing: the relay has said that it wants no connection. */
  #lasting = false

  constructor(backoff: ProbeBackoff, now: number) {
    this.#backoff = backoff
    this.#probedAt = now
    this.nextProbeAt = now
  }

  /** The backoff starts afresh with the next failure. */
  reset(): void {
    this.#lasting = false
    this.#backoff.reset()
  }

  /** A probe failed. What somebody who waits has asked for is extra: the backoff goes on as if it had not been. */
  readonly failed = Effect.fnUntraced(function*(this: ProbeSchedule, at: number, failure: RelayFailure) {
    this.#probedAt = at
    this.#lasting = isLasting(failure)
    if (this.#lasting) this.nextProbeAt = at + this.#backoff.cap
    else if (at >= this.nextProbeAt) this.nextProbeAt = at + (yield* this.#backoff.next)
  })

  /** Probes come once a second while `wait` lasts. */
  waiting<A, E>(wait: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.#waiting++
      return Effect.andThen(this.#hurry.release, wait)
    }).pipe(Effect.ensuring(Effect.sync(() => {
      this.#waiting--
    })))
  }

  /** Returns when a probe is due, or none is needed any more. */
  readonly untilDue = Effect.fnUntraced(function*(this: ProbeSchedule, needed: () => boolean) {
    while (needed()) {
      const dueAt = this.#waiting > 0 && !this.#lasting
        ? Math.min(this.nextProbeAt, this.#probedAt + waitersProbeEvery)
        : this.nextProbeAt
      const at = Math.floor(yield* Clock.currentTimeMillis)
      if (at >= dueAt) return
      yield* Effect.timeoutOption(this.#hurry.await, dueAt - at)
    }
  })
}
