import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import { backoffMillis } from "../../../../src/relay/link/Backoff.ts"

const Steps = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5000 }))

describe("Backoff", () => {
  it.effect.prop(
    "stays within a fifth of the exponential, in whole milliseconds, and never beyond the cap",
    [Steps],
    ([step]) =>
      Effect.gen(function*() {
        const millis = yield* backoffMillis(step, { base: Duration.millis(500), cap: Duration.seconds(30) })
        const exact = 500 * 2 ** step
        assert.isTrue(Number.isInteger(millis))
        assert.isAtLeast(millis, Math.min(Math.floor(exact * 0.8), 30_000))
        assert.isAtMost(millis, Math.min(exact * 1.2, 30_000))
      })
  )
})
