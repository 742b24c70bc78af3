import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Metric, Option, Ref, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Metrics from "../../../src/observability/Metrics.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"

/** Notes when it was started and then does what `then` says. */
const noting = <E>(starts: Ref.Ref<ReadonlyArray<number>>, then: Effect.Effect<void, E>) =>
  Clock.currentTimeMillis.pipe(
    Effect.flatMap((at) => Ref.update(starts, (all) => [...all, at])),
    Effect.andThen(then)
  )

describe("Supervisor", () => {
  it.effect("restarts a fiber that fails, with a backoff that grows and is capped at 30 s", () =>
    Effect.gen(function*() {
      const starts = yield* Ref.make<ReadonlyArray<number>>([])
      const { supervise } = yield* Supervisor
      yield* supervise("fails")(noting(starts, Effect.fail("no")))
      yield* TestClock.adjust("2 minutes")
      const times = yield* Ref.get(starts)
      const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0))
      assert.deepStrictEqual(pauses.slice(0, 4), [100, 200, 400, 800])
      assert.strictEqual(Math.max(...pauses), 30_000)
    }).pipe(Effect.provide(Supervisor.layer)))

  it.effect("starts the backoff afresh after a minute of health", () =>
    Effect.gen(function*() {
      const starts = yield* Ref.make<ReadonlyArray<number>>([])
      const { supervise } = yield* Supervisor
      const loop = Ref.get(starts).pipe(
        Effect.flatMap((all) => all.length === 4 ? Effect.sleep("60 seconds") : Effect.void),
        Effect.andThen(Effect.die("no"))
      )
      yield* supervise("recovers")(noting(starts, loop))
      yield* TestClock.adjust("61 seconds")
      const [, , , fourth = 0, fifth = 0] = yield* Ref.get(starts)
      assert.strictEqual(fifth - fourth, 60_100)
    }).pipe(Effect.provide(Supervisor.layer)))

  it.effect("escalates the sixth restart within a minute, with the cause", () =>
    Effect.gen(function*() {
      const { escalated, supervise } = yield* Supervisor
      const escalation = yield* Effect.forkChild(Effect.flip(escalated))
      yield* supervise("fails")(Effect.die(new Error("no disk")))
      yield* TestClock.adjust("3099 millis")
      assert.isUndefined(escalation.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(escalation)
      assert.strictEqual(error.message, "fiber \"fails\" failed 6 times within a minute; last: no disk")
    }).pipe(Effect.provide(Supervisor.layer)))

  it.effect("does not escalate five restarts a minute, for hours", () =>
    Effect.gen(function*() {
      const { escalated, supervise } = yield* Supervisor
      const escalation = yield* Effect.forkChild(Effect.flip(escalated))
      yield* supervise("limps")(Effect.andThen(Effect.sleep("15 seconds"), Effect.fail("no")))
      yield* TestClock.adjust("3 hours")
      assert.isUndefined(escalation.pollUnsafe())
    }).pipe(Effect.provide(Supervisor.layer)))

  it.effect("says how each fiber is, and counts its restarts", () =>
    Effect.gen(function*() {
      const { fibers, supervise } = yield* Supervisor
      yield* supervise("runs")(Effect.never)
      yield* supervise("returns")(Effect.void)
      yield* supervise("is interrupted")(Effect.interrupt)
      yield* supervise("fails")(Effect.die(new Error("a bug")))
      yield* TestClock.adjust("250 millis")
      const status = yield* fibers
      assert.deepStrictEqual(status.map((fiber) => [fiber.name, fiber.state, fiber.restarts]), [
        ["runs", "running", 0],
        ["returns", "ended", 0],
        ["is interrupted", "ended", 0],
        ["fails", "restarting", 2]
      ])
      assert.deepStrictEqual(status[3]?.lastFailure, Option.some({ at: 100, cause: "a bug" }))
      const counted = yield* Metric.value(Metric.withAttributes(Metrics.fiberRestarts, { fiber: "fails" }))
      assert.strictEqual(counted.count, 2)
    }).pipe(Effect.provide(Supervisor.layer), Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("forgets a fiber whose scope has closed, so that its name may come again", () =>
    Effect.gen(function*() {
      const { fibers, supervise } = yield* Supervisor
      const scope = yield* Scope.make()
      yield* supervise("agent")(Effect.never).pipe(Scope.provide(scope))
      yield* supervise("agent")(Effect.never)
      assert.lengthOf(yield* fibers, 2)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual((yield* fibers).map((fiber) => fiber.state), ["running"])
    }).pipe(Effect.provide(Supervisor.layer)))
})
