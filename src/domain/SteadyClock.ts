/**
 * The time of day, but never set back: where somebody or something turns the system's clock back, time goes on from where
 * it was, so that nothing that waits for a moment waits for hours. A clock that is set forward, as after a sleep, is
 * followed. Until the next start what is told of the time may then be ahead of the wall.
 */
import { type Clock, Effect } from "effect"

/** Less than that is the clock being adjusted, not set. */
const tolerance = 250

export const steadyClock = (own: Clock.Clock): Clock.Clock => {
  let ahead = 0
  let wall = own.currentTimeMillisUnsafe()
  let elapsed = own.monotonicTimeNanosUnsafe()

  /** By how many milliseconds time is ahead of the wall. */
  const lead = (): number => {
    const wallNow = own.currentTimeMillisUnsafe()
    // Asked often within one millisecond, in which no clock is set.
    if (wallNow === wall) return ahead
    const elapsedNow = own.monotonicTimeNanosUnsafe()
    const setBack = Number(elapsedNow - elapsed) / 1e6 - (wallNow - wall)
    if (setBack > tolerance) ahead += Math.round(setBack)
    wall = wallNow
    elapsed = elapsedNow
    return ahead
  }
  const millis = () => own.currentTimeMillisUnsafe() + lead()
  const nanos = () => own.currentTimeNanosUnsafe() + BigInt(lead()) * 1_000_000n

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
