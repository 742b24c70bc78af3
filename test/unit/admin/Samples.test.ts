/** The last hour, and how long calls took, read off the histogram that counts them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { quantile, Samples } from "../../../src/admin/Samples.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { doubles } from "../../support/adminDoubles.ts"

describe("the samples", () => {
  it.effect("are one each 10 s, for an hour", () =>
    Effect.gen(function*() {
      const { lastHour } = yield* Samples
      yield* TestClock.adjust("30 seconds")
      const [few] = yield* lastHour
      assert.deepStrictEqual(few?.samples.map(({ at }) => at), [0, 10_000, 20_000, 30_000])
      assert.deepInclude(few?.samples[1], { calls: 0, p50: null, p95: null })
      yield* TestClock.adjust("2 hours")
      const [many] = yield* lastHour
      assert.strictEqual(many?.samples.length, 360)
      assert.strictEqual(many?.samples[0]?.at, 7_230_000 - 359 * 10_000)
    }).pipe(
      Effect.provide(Samples.layerNoDeps.pipe(Layer.provide(Supervisor.layer), Layer.provide(doubles())))
    ))
})

const counts = (...all: ReadonlyArray<number>) =>
  [0.001, 0.01, 0.1, Infinity].map((at, index) => [at, all[index] ?? 0] as const)

describe("a quantile of the calls since the sample before", () => {
  it("lies within the bucket in which that part of them ends", () => {
    assert.strictEqual(quantile(counts(0, 0, 0, 0), counts(10, 10, 10, 10), 0.5), 0.5)
    assert.closeTo(quantile(counts(0, 0, 0, 0), counts(0, 0, 100, 100), 0.95) ?? 0, 95.5, 0.001)
  })

  it("is not that of the calls before", () => {
    assert.closeTo(quantile(counts(1000, 1000, 1000, 1000), counts(1000, 1000, 1010, 1010), 0.5) ?? 0, 55, 0.001)
  })

  it("is unknown without calls, and no more than the last boundary beyond it", () => {
    assert.isNull(quantile(counts(5, 5, 5, 5), counts(5, 5, 5, 5), 0.5))
    assert.strictEqual(quantile(counts(0, 0, 0, 0), counts(0, 0, 0, 9), 0.5), 100)
  })
})
