/** Time for a test, and what happens without it. */
import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

/** Everything that needs no time has happened: each hand-over from fiber to fiber is a turn of the scheduler. */
export const settled = Effect.yieldNow.pipe(Effect.repeat({ times: 200 }), Effect.asVoid)

/** What is under way happens first, then time passes. */
export const advance = (duration: Duration.Input) => Effect.andThen(settled, TestClock.adjust(duration))
