/** A token's life over days: what its users see, and how often its source is asked. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Logger, Option, Random, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget } from "../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../src/domain/Ids.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { LiveToken } from "../../../src/token/LiveToken.ts"
import type { IssuedToken, TokenSource, TokenSourceFailed } from "../../../src/token/sources/TokenSource.ts"
import { issued, scriptedSource, transient } from "../../support/token/scriptedSource.ts"

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const over = (source: TokenSource) =>
  LiveToken.layerOf({ _tag: "Shared", source }).pipe(
    Layer.provide([
      Supervisor.layer,
      Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://localhost:4850/api/mcp"), token: {} }),
      Logger.layer([])
    ])
  )

const current = Effect.flatMap(LiveToken, (token) => token.current(defaultAgent))
const value = Effect.map(
  current,
  Option.match({ onNone: () => "none", onSome: (token) => Redacted.value(token.value) })
)

/** A source of tokens that last an hour, which fails as `fails` says, and knows how many ask it at once. */
const hourly = (fails: Effect.Effect<boolean>) => {
  const seen = { asks: 0, atOnce: 0, most: 0 }
  const fetch: Effect.Effect<IssuedToken, TokenSourceFailed> = Effect.gen(function*() {
    seen.asks++
    seen.most = Math.max(seen.most, ++seen.atOnce)
    yield* Effect.sleep("800 millis")
    if (yield* fails) return yield* transient
    const at = yield* Clock.currentTimeMillis
    return issued(`from ${at}`, at + hour)
  }).pipe(Effect.ensuring(Effect.sync(() => seen.atOnce--)))
  return { seen, fetch }
}

/** Time of the test's, ahead by what a computer slept through: its timers did not run meanwhile. */
const sleeper = Effect.map(Clock.Clock, (own) => {
  const slept = { millis: 0 }
  const millis = () => own.currentTimeMillisUnsafe() + slept.millis
  const clock: Clock.Clock = {
    ...own,
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    monotonicTimeNanosUnsafe: () => own.monotonicTimeNanosUnsafe(),
    sleep: (duration) => own.sleep(duration)
  }
  return { slept, clock }
})

describe("a token over days", () => {
  it.effect("is always in force, and its source is asked once an hour", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      const { fetch, seen } = hourly(Effect.succeed(false))
      yield* Effect.gen(function*() {
        const first = yield* Effect.forkChild(value)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        for (let quarter = 0; quarter < 4 * 24 * 7; quarter++) {
          yield* TestClock.adjust("15 minutes")
          const token = yield* Effect.flatMap(current, Effect.fromOption)
          const ends = Option.getOrThrow(token.expiresAt)
          assert.isAbove(ends - (yield* Clock.currentTimeMillis), 4 * minute)
        }
        assert.isAtLeast(seen.asks, 7 * 24)
        assert.isAtMost(seen.asks, Math.ceil(7 * day / (54 * minute)) + 1)
        assert.strictEqual(seen.most, 1)
      }).pipe(Effect.provide(over({ ...script.source, fetch })))
    }))

  it.effect("is never handed out after its end and never asked for twice at once, however its source and the relay fail", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      const { fetch, seen } = hourly(Effect.map(Random.next, (chance) => chance < 0.7))
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        for (let turn = 0; turn < 2000; turn++) {
          const chance = yield* Random.next
          if (chance < 0.2) {
            yield* Effect.forkChild(Effect.flatMap(current, (used) => token.rejected(defaultAgent, used, "call")))
          } else if (chance < 0.3) yield* Effect.forkChild(token.refresh(defaultAgent))
          else if (chance < 0.4) yield* script.change
          else yield* Effect.forkChild(current)
          yield* TestClock.adjust(Math.floor((yield* Random.next) * 5 * minute))
          const now = yield* Clock.currentTimeMillis
          const status = yield* token.status(defaultAgent)
          if (status.state === "valid") assert.isTrue(Option.exists(status.expiresAt, (ends) => ends > now))
        }
        assert.strictEqual(seen.most, 1)
      }).pipe(Effect.provide(over({ ...script.source, fetch })), Random.withSeed("days"))
    }))

  it.effect("is refreshed first when a computer wakes after its end, once for all who come", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      const { clock, slept } = yield* sleeper
      yield* Effect.gen(function*() {
        yield* script.answers(Effect.succeed(issued("evening", hour)))
        assert.strictEqual(yield* value, "evening")
        yield* TestClock.adjust("10 minutes")
        slept.millis = 9 * hour
        yield* script.answers(Effect.delay(Effect.succeed(issued("morning", 11 * hour)), "1 second"))
        const calls = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 20 }, () => value), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([...new Set(yield* Fiber.join(calls))], ["morning"])
        assert.lengthOf(script.asks, 2)
      }).pipe(Effect.provide(over(script.source)), Effect.provideService(Clock.Clock, clock))
    }))

  it.effect("is refreshed within a minute when a computer wakes shortly before its end", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      const { clock, slept } = yield* sleeper
      yield* Effect.gen(function*() {
        yield* script.answers(Effect.succeed(issued("old", hour)))
        yield* value
        slept.millis = 58 * minute
        yield* script.answers(Effect.succeed(issued("new", 3 * hour)))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* value, "new")
        assert.lengthOf(script.asks, 2)
      }).pipe(Effect.provide(over(script.source)), Effect.provideService(Clock.Clock, clock))
    }))

  it.effect("that has ended already when it comes is none: the source is asked again after 2, 4, 8 s", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      yield* TestClock.setTime(day)
      yield* Effect.gen(function*() {
        yield* script.answers(Effect.succeed(issued("yesterday's", day - 1)))
        assert.strictEqual(yield* value, "none")
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(script.asks.map((at) => at - day), [0, 2000, 6000, 14_000])
        yield* script.answers(Effect.succeed(issued("today's", day + hour)))
        yield* TestClock.adjust("16 seconds")
        assert.strictEqual(yield* value, "today's")
      }).pipe(Effect.provide(over(script.source)))
    }))

  it.effect("ends during an outage of its source: requests go without one, at most 10 s later, until it is back", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      yield* Effect.gen(function*() {
        yield* script.answers(Effect.succeed(issued("one", hour)))
        yield* value
        yield* script.answers(Effect.never)
        yield* TestClock.setTime(hour - 1)
        assert.strictEqual(yield* value, "one")
        yield* TestClock.setTime(day)
        const call = yield* Effect.forkChild(value)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(call), "none")
        // 10 s of waiting and 30 s of pause each, for a day.
        assert.isBelow(script.asks.length, day / 40_000 + 20)
        yield* script.answers(Effect.succeed(issued("two", 2 * day)))
        yield* TestClock.adjust("45 seconds")
        assert.strictEqual(yield* value, "two")
      }).pipe(Effect.provide(over(script.source)))
    }))

  it.effect("that was in a call's hands stays the one that the call was made with", () =>
    Effect.gen(function*() {
      const script = yield* scriptedSource
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        yield* script.answers(Effect.succeed(issued("one", hour)))
        const used = yield* current
        yield* script.answers(Effect.succeed(issued("two", 2 * hour)))
        yield* TestClock.adjust("56 minutes")
        assert.strictEqual(yield* value, "two")
        assert.strictEqual(Redacted.value(Option.getOrThrow(used).value), "one")
        // Refused late, it costs no refresh: there is a newer one.
        const next = yield* token.rejected(defaultAgent, used, "call")
        assert.strictEqual(Redacted.value(Option.getOrThrow(next).value), "two")
        assert.lengthOf(script.asks, 2)
      }).pipe(Effect.provide(over(script.source)))
    }))
})
