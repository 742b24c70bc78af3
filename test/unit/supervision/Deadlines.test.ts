import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Deadlines } from "../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"

const layer = Deadlines.layer.pipe(Layer.provide(Supervisor.layer))

describe("Deadlines", () => {
  it.effect("calls back when each is due, in order, whatever their lengths", () =>
    Effect.gen(function*() {
      const { after } = yield* Deadlines
      const due: Array<string> = []
      after(10_000, () => due.push("ten"))
      after(3_000, () => due.push("three"))
      yield* TestClock.adjust("2 seconds")
      after(500, () => due.push("half"))
      yield* TestClock.adjust("499 millis")
      assert.deepStrictEqual(due, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(due, ["half"])
      yield* TestClock.adjust("499 millis")
      assert.deepStrictEqual(due, ["half"])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(due, ["half", "three", "ten"])
    }).pipe(Effect.provide(layer)))

  it.effect("calls one back once that is due as soon as it is started, as where the process was held up meanwhile", () =>
    Effect.gen(function*() {
      const { after } = yield* Deadlines
      let calls = 0
      const deadline = after(0, () => {
        // Without this a call too many would be followed by others for ever.
        if (++calls > 2) throw new Error("called again")
      })
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(calls, 1)
      deadline.restart()
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(calls, 2)
    }).pipe(Effect.provide(layer)))

  it.effect("does not call one that was cancelled, and counts anew for one that was restarted", () =>
    Effect.gen(function*() {
      const { after } = yield* Deadlines
      const due: Array<string> = []
      const cancelled = after(1_000, () => due.push("cancelled"))
      const restarted = after(1_000, () => due.push("restarted"))
      after(1_000, () => due.push("left alone"))
      yield* TestClock.adjust("500 millis")
      cancelled.cancel()
      restarted.restart()
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(due, ["left alone"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(due, ["left alone", "restarted"])
      restarted.restart()
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(due, ["left alone", "restarted", "restarted"])
    }).pipe(Effect.provide(layer)))

  it.effect("counts for one that is restarted after all of its length were cancelled, beside a new one", () =>
    Effect.gen(function*() {
      const { after } = yield* Deadlines
      const due: Array<string> = []
      const old = after(1_000, () => due.push("old"))
      old.cancel()
      old.cancel()
      after(2_000, () => due.push("other"))
      yield* TestClock.adjust("2 seconds")
      after(1_000, () => due.push("new"))
      old.restart()
      after(1_000, () => due.push("newest"))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(due, ["other"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(due, ["other", "new", "old", "newest"])
    }).pipe(Effect.provide(layer)))

  it.effect("keeps the others in order where one in their midst is cancelled or calls back", () =>
    Effect.gen(function*() {
      const { after } = yield* Deadlines
      const due: Array<number> = []
      const all = Array.from({ length: 6 }, (_, index) =>
        after(1_000, () => {
          due.push(index)
          // The first to call back cancels the last, and one between.
          if (index === 0) { for (const other of [5, 3]) all[other]?.cancel() }
        }))
      all[2]?.cancel()
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(due, [0, 1, 4])
    }).pipe(Effect.provide(layer)))

  it.effect("starts another from within a callback", () =>
    Effect.gen(function*() {
      const { after } = yield* Deadlines
      let beats = 0
      const beat = () => {
        beats += 1
        if (beats < 5) after(1_000, beat)
      }
      after(1_000, beat)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(beats, 4)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(beats, 5)
    }).pipe(Effect.provide(layer)))
})
