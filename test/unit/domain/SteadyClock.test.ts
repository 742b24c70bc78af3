import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Schema } from "effect"
import { steadyClock } from "../../../src/domain/SteadyClock.ts"

const hour = 3_600_000
const start = 1_800_000_000_000

/** A wall clock that somebody sets, over time that passes. */
const system = Effect.map(Clock.Clock, (own) => {
  let passed = 0
  let set = 0
  const clock: Clock.Clock = {
    ...own,
    currentTimeMillisUnsafe: () => start + passed + set,
    currentTimeNanosUnsafe: () => BigInt(start + passed + set) * 1_000_000n,
    monotonicTimeNanosUnsafe: () => BigInt(passed) * 1_000_000n
  }
  return {
    clock,
    pass: (millis: number) => void (passed += millis),
    set: (millis: number) => void (set += millis)
  }
})

const Step = Schema.Struct({
  pass: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60_000 })),
  set: Schema.Int.check(Schema.isBetween({ minimum: -12 * hour, maximum: 12 * hour }))
})

describe("SteadyClock", () => {
  it.effect("goes on from where it was when the clock is set back, and follows it forward", () =>
    Effect.gen(function*() {
      const { clock, pass, set } = yield* system
      const steady = steadyClock(clock)
      pass(1_000)
      assert.strictEqual(yield* steady.currentTimeMillis, start + 1_000)
      set(-3 * hour)
      pass(1_000)
      assert.strictEqual(yield* steady.currentTimeMillis, start + 2_000)
      assert.strictEqual(yield* steady.currentTimeNanos, BigInt(start + 2_000) * 1_000_000n)
      set(hour)
      assert.strictEqual(yield* steady.currentTimeMillis, start + 2_000 + hour)
    }))

  it.effect.prop("never goes slower than time passes, but for what is too little to be a clock that was set", [
    Schema.Array(Step).check(Schema.isMaxLength(30))
  ], ([steps]) =>
    Effect.gen(function*() {
      const { clock, pass, set } = yield* system
      const steady = steadyClock(clock)
      let last = steady.currentTimeMillisUnsafe()
      for (const step of steps) {
        pass(step.pass)
        set(step.set)
        const now = steady.currentTimeMillisUnsafe()
        assert.isAtLeast(now - last, step.pass - 250)
        last = now
      }
    }))
})
