import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Backoff from "../../../src/supervision/Backoff.ts"

const Steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))
const options = { base: "500 millis", max: "30 seconds" } as const

const delays = (backoff: Backoff.Backoff, count: number) =>
  Effect.all(Array.from({ length: count }, () => backoff.next))

describe("Backoff", () => {
  it.effect.prop(
    "stays within a fifth of the exponential, in whole milliseconds, and never above the maximum",
    [Steps],
    ([count]) =>
      Effect.gen(function*() {
        for (const [step, millis] of (yield* delays(Backoff.make(Backoff.jittered(options)), count)).entries()) {
          const exact = 500 * 2 ** step
          assert.isTrue(Number.isInteger(millis))
          assert.isAtLeast(millis, Math.min(Math.floor(exact * 0.8), 30_000))
          assert.isAtMost(millis, Math.min(exact * 1.2, 30_000))
        }
      })
  )

  it.effect("differs from link to link, so that they do not all ask at once", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forEach(
        Array.from({ length: 20 }, () => Backoff.make(Backoff.jittered(options))),
        ({ next }) => next
      )
      assert.isAbove(new Set(first).size, 10)
    }))

  it.effect("stays at the maximum after days of failures", () =>
    Effect.gen(function*() {
      const all = yield* delays(Backoff.make(Backoff.jittered(options)), 5000)
      assert.deepStrictEqual([...new Set(all.slice(10))], [30_000])
    }))

  it.effect("starts afresh when it is reset", () =>
    Effect.gen(function*() {
      const backoff = Backoff.make(Backoff.exponential(options))
      assert.deepStrictEqual(yield* delays(backoff, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
      backoff.reset()
      assert.deepStrictEqual(yield* delays(backoff, 2), [500, 1000])
    }))

  it.effect.prop(
    "knows the delay after any number of failures, which the schedule reaches step by step",
    [Steps],
    ([count]) =>
      Effect.gen(function*() {
        const schedule = Backoff.exponential(options)
        const after = yield* Backoff.byFailures(schedule)
        const stepped = yield* delays(Backoff.make(schedule), count)
        assert.deepStrictEqual(stepped.map((_, step) => after(step + 1)), stepped)
        assert.strictEqual(after(1_000_000), 30_000)
      })
  )
})
