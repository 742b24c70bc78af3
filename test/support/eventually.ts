/** Waits, in real time, for something that other processes bring about. */
import { Duration, Effect, Schedule, Schema } from "effect"

export class NeverHappened extends Schema.TaggedError<NeverHappened>()("NeverHappened", {
  what: Schema.String,
  last: Schema.Unknown
}) {
  override get message(): string {
    return `${this.what} did not come about; last seen: ${JSON.stringify(this.last)}`
  }
}

/** The first value that satisfies `good`, looked for every 20 ms. */
export const eventually = <A, E, R>(
  what: string,
  look: Effect.Effect<A, E, R>,
  good: (value: A) => boolean,
  timeout: Duration.Input = "60 seconds"
): Effect.Effect<A, E | NeverHappened, R> =>
  look.pipe(
    Effect.flatMap((value) =>
      good(value) ? Effect.succeed(value) : Effect.fail(new NeverHappened({ what, last: value }))
    ),
    Effect.retry({
      while: (error) => error instanceof NeverHappened,
      schedule: Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: timeout }))
    })
  )
