import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, FiberSet, Layer } from "effect"
import { TestClock } from "effect/testing"
import { callTimeouts } from "../../../src/config/CallTimeouts.ts"
import { settingsFrom } from "../../../src/config/Settings.ts"
import { SilenceWatch } from "../../../src/relay/SilenceWatch.ts"
import { Deadlines } from "../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"

/** A watch with the defaults of a call, over a relay whose probes take `probeTakes` and end as `alive` says. */
const watching = Effect.fnUntraced(function*(options: { readonly timeout?: number } = {}) {
  const relay = { alive: true, takes: Duration.zero, probes: 0 }
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()
  const probe = Effect.suspend(() => {
    relay.probes++
    return Effect.as(Effect.sleep(relay.takes), relay.alive)
  })
  const watch = new SilenceWatch({
    clock: yield* Clock.Clock,
    deadlines: yield* Deadlines,
    probe: (done) => void fork(Effect.map(probe, done)),
    silence: Duration.seconds(10),
    maxFailures: 2,
    timeout: options.timeout ?? 600_000
  })
  return { relay, watch }
})

const deadlines = Deadlines.layer.pipe(Layer.provide(Supervisor.layer))

describe("SilenceWatch", () => {
  it.effect("ends a wait after 10 s without bytes and two probes that fail", () =>
    Effect.gen(function*() {
      const { relay, watch } = yield* watching()
      relay.alive = false
      relay.takes = Duration.seconds(5)
      const wait = yield* Effect.forkChild(Effect.flip(watch.guard(Effect.never)))
      yield* TestClock.adjust("19999 millis")
      assert.isUndefined(wait.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const { reason } = yield* Fiber.join(wait)
      assert.strictEqual(reason._tag === "Silent" && reason.millis, 20_000)
    }).pipe(Effect.provide(deadlines)))

  it.effect("lets a slow tool live for hours while probes succeed, where no setting bounds a call, and ends it when they fail", () =>
    Effect.gen(function*() {
      const { live, queued } = callTimeouts(settingsFrom({}))
      const { relay, watch } = yield* watching({ timeout: Duration.toMillis(live) })
      const wait = yield* Effect.forkChild(Effect.flip(watch.guard(Effect.never)))
      yield* TestClock.adjust("5 hours")
      assert.isUndefined(wait.pollUnsafe())
      relay.alive = false
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(wait)).reason._tag, "Silent")
      // A lane of the outbox does not wait so long, and a setting bounds both.
      assert.deepStrictEqual(queued, Duration.minutes(10))
      const set = callTimeouts(settingsFrom({ link: { callTimeout: "1 minute" } }))
      assert.deepStrictEqual(set, { live: Duration.minutes(1), queued: Duration.minutes(1) })
    }).pipe(Effect.provide(deadlines)))

  it.effect("ends a call at its bound, where one is set, though probes succeed", () =>
    Effect.gen(function*() {
      const { relay, watch } = yield* watching()
      const wait = yield* Effect.forkChild(Effect.flip(watch.guard(Effect.never)))
      yield* TestClock.adjust("599999 millis")
      assert.isUndefined(wait.pollUnsafe())
      assert.isAtMost(relay.probes, 60)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(wait)).reason._tag, "TimedOut")
    }).pipe(Effect.provide(deadlines)))

  it.effect("does not probe while bytes come", () =>
    Effect.gen(function*() {
      const { relay, watch } = yield* watching()
      yield* Effect.forkChild(Effect.exit(watch.guard(Effect.never)))
      for (let second = 0; second < 120; second += 9) {
        yield* TestClock.adjust("9 seconds")
        watch.heard()
      }
      assert.strictEqual(relay.probes, 0)
    }).pipe(Effect.provide(deadlines)))

  it.effect("forgives a probe that failed where bytes came meanwhile", () =>
    Effect.gen(function*() {
      const { relay, watch } = yield* watching()
      relay.alive = false
      relay.takes = Duration.seconds(5)
      const wait = yield* Effect.forkChild(Effect.exit(watch.guard(Effect.never)))
      yield* TestClock.adjust("12 seconds")
      watch.heard()
      yield* TestClock.adjust("19 seconds")
      assert.isUndefined(wait.pollUnsafe())
    }).pipe(Effect.provide(deadlines)))

  it.effect("calls a bound that passed without a byte or a probe a silence", () =>
    Effect.gen(function*() {
      const { watch } = yield* watching({ timeout: 10_000 })
      const wait = yield* Effect.forkChild(Effect.flip(watch.guard(Effect.never)))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(wait)).reason._tag, "Silent")
    }).pipe(Effect.provide(deadlines)))
})
