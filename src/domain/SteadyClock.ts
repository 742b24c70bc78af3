/**
 * A clock of the time of day that never goes back. Where somebody sets the system's clock back, this one goes on from
 * where it was, so nothing waits hours too long. It follows a clock that is set forward, as after a sleep. So until the
 * next start it may be ahead of the wall clock.
 */
import { type Clock, Effect } from "effect"

/** A smaller step is an adjustment, and nobody set the clock. */
const tolerance = 250

export const steadyClock = (own: Clock.Clock): Clock.Clock => {
  let ahead = 0
  let wall = own.currentTimeMillisUnsafe()
  let elapsed = own.monotonicTimeNanosUnsafe()

  /** How far this clock is ahead when the wall clock says `wallNow`, milliseconds. */
  const lead = (wallNow: number): number => {
    // Callers ask often in one millisecond, in which nobody sets a clock.
    if (wallNow === wall) return ahead
    const elapsedNow = own.monotonicTimeNanosUnsafe()
    const setBack = Number(elapsedNow - elapsed) / 1e6 - (wallNow - wall)
    if (setBack > tolerance) ahead += Math.round(setBack)
    wall = wallNow
    elapsed = elapsedNow
    return ahead
  }
  const millis = () => {
    const wallNow = own.currentTimeMillisUnsafe()
    return wallNow + lead(wallNow)
  }
  const nanos = () => own.currentTimeNanosUnsafe() + BigInt(lead(own.currentTimeMillisUnsafe())) * 1_000_000n

  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => own.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: own.monotonicTimeNanos,
    sleep: (duration) => own.sleep(duration)
  }
}
