/** The delays of a `Schedule`, one after another, for a loop that has to know the next one before it sleeps. */
import { Duration, Effect, Schedule } from "effect"

export interface Backoff {
  /** The next delay, in whole milliseconds. */
  readonly next: Effect.Effect<number>
  /** The schedule starts afresh with the next delay. */
  readonly reset: () => void
}

/** `schedule` must not end. */
export const make = <Output>(schedule: Schedule.Schedule<Output>): Backoff => {
  let step: Effect.Success<ReturnType<typeof Schedule.toStep<Output, unknown, never, never>>> | undefined
  return {
    next: Effect.gen(function*() {
      step ??= yield* Schedule.toStep(schedule)
      const [, delay] = yield* step(0, undefined)
      return Math.floor(Duration.toMillis(delay))
    }).pipe(Effect.orDie),
    reset: () => {
      step = undefined
    }
  }
}

/** Doubles from `base` to `max`. */
export const exponential = ({ base, max }: { readonly base: Duration.Input; readonly max: Duration.Input }) =>
  Schedule.min([Schedule.exponential(base), Schedule.spaced(max)])

/** Doubles from `base` to `max`, by a fifth more or less each time; never above `max`. */
export const jittered = ({ base, max }: { readonly base: Duration.Input; readonly max: Duration.Input }) =>
  Schedule.min([Schedule.jittered(Schedule.exponential(base)), Schedule.spaced(max)])

/** No schedule of ours grows for longer. */
const maxSteps = 64

/** The delay after so many failures in a row, from 1 on: for whoever has their number from disk. `schedule` grows to a maximum. */
export const byFailures = Effect.fnUntraced(function*<Output>(schedule: Schedule.Schedule<Output>) {
  const backoff = make(schedule)
  const delays = [yield* backoff.next]
  while (delays.length < maxSteps) {
    const delay = yield* backoff.next
    if (delay === delays.at(-1)) break
    delays.push(delay)
  }
  return (failures: number): number => delays[Math.min(Math.max(failures, 1), delays.length) - 1] ?? 0
})
