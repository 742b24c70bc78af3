import { assert, describe, it } from "@effect/vitest"
import {
  ConfigProvider,
  Effect,
  Fiber,
  Latch,
  Layer,
  Logger,
  Metric,
  Option,
  Redacted,
  References,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { RelayTarget } from "../../../src/config/Settings.ts"
import { AgentName, defaultAgent, defaultRelay } from "../../../src/domain/Ids.ts"
import * as Metrics from "../../../src/observability/Metrics.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { type AskedFor, LiveToken, type Token } from "../../../src/token/LiveToken.ts"
import { type TokenSource, TokenSourceFailed } from "../../../src/token/sources/TokenSource.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { issued, refusal, scriptedSource, transient } from "../../support/token/scriptedSource.ts"

const minutes = 60_000
const target = (token: typeof RelayTarget.Service.token) =>
  Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://localhost:4850/api/mcp"), token })

const dataDirectory = Layer.unwrap(Effect.map(temporaryDirectory, DataDirectory.layerAt))

const over = (source: TokenSource) =>
  LiveToken.layerOf({ _tag: "Shared", source }).pipe(Layer.provide([Supervisor.layer, target({})]))

const value = Option.match({ onNone: () => "none", onSome: (token: Token) => Redacted.value(token.value) })

/** Runs `test` on a live token over the script that it is given; what is logged goes to `logged`. */
const withLive = <A, E, R>(
  test: (
    script: Effect.Success<typeof scriptedSource>,
    logged: ReadonlyArray<string>
  ) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const script = yield* scriptedSource
    const logged: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      logged.push(`${logLevel} ${String(message)}`)
    })
    return yield* test(script, logged).pipe(
      Effect.provide(Layer.merge(over(script.source), Logger.layer([logger])))
    )
  })

describe("LiveToken", () => {
  it.effect("asks the source once, and for everybody", () =>
    withLive(({ asks }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const values = yield* Effect.forEach(Array.from({ length: 20 }), () => token.current(defaultAgent), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([...new Set(values.map(value))], ["one"])
        assert.strictEqual(value(yield* token.current(AgentName.make("other"))), "one")
        assert.lengthOf(asks, 1)
      })
    ))

  it.effect.each([
    { what: "a line break", text: "secret-part\nX-Evil: 1" },
    { what: "a control character", text: "secret-part\u0000" },
    { what: "neither ASCII nor Latin", text: "secret-part\u4f60" }
  ])(
    "gives no token that no request can carry: $what; names the source, shows nothing of it, and asks seldom",
    ({ text, what }) =>
      withLive(({ answers, asks, source }, logged) =>
        Effect.gen(function*() {
          const token = yield* LiveToken
          yield* answers(Effect.succeed(issued(text, 60 * minutes)))
          assert.strictEqual(value(yield* token.current(defaultAgent)), "none")
          yield* TestClock.adjust("1 hour")
          assert.isAtMost(asks.length, 14)
          const { lastError } = yield* token.status(defaultAgent)
          const said = JSON.stringify([Option.getOrUndefined(lastError), logged])
          assert.include(
            said,
            `${source.name} has ${what === "neither ASCII nor Latin" ? `a character that is ${what}` : what}`
          )
          assert.notInclude(said, "secret-part")
          yield* answers(Effect.succeed(issued("good")))
          yield* TestClock.adjust("6 minutes")
          assert.strictEqual(value(yield* token.current(defaultAgent)), "good")
        })
      )
  )

  it.effect("refreshes 5 minutes before the end, or a fifth of the lifetime before a short one, never later", () =>
    withLive(({ answers, asks }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* answers(Effect.succeed(issued("hour", 60 * minutes)))
        yield* token.current(defaultAgent)
        yield* answers(Effect.succeed(issued("short", 70 * minutes)))
        yield* TestClock.adjust("55 minutes")
        const [, second = 0] = asks
        assert.isAtMost(second, 55 * minutes)
        assert.isAtLeast(second, 54 * minutes)
        assert.strictEqual(value(yield* token.current(defaultAgent)), "short")

        const lifetime = 70 * minutes - second
        yield* answers(Effect.succeed(issued("third")))
        yield* TestClock.setTime(70 * minutes - lifetime / 5)
        const [, , third = 0] = asks
        assert.isAtLeast(third, 70 * minutes - lifetime / 5 * 1.2 - 1)
        yield* TestClock.adjust("10 days")
        assert.lengthOf(asks, 3)
      })
    ))

  it.effect("does not hammer a source that gives the same token until it ends", () =>
    withLive(({ answers, asks }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* answers(Effect.succeed(issued("hour", 60 * minutes)))
        yield* token.current(defaultAgent)
        yield* TestClock.adjust("60 minutes")
        assert.isAtMost(asks.length, 10)
      })
    ))

  it.effect("retries a transient failure after 2, 4, 8 s and then 30 s at most, keeping the token until it ends", () =>
    withLive(({ answers, asks }, logged) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* answers(Effect.succeed(issued("one", 60 * minutes)))
        yield* token.current(defaultAgent)
        yield* answers(Effect.fail(transient))
        yield* TestClock.setTime(60 * minutes - 1)
        const pauses = asks.slice(2).map((at, index) => at - (asks[index + 1] ?? 0))
        assert.deepStrictEqual(pauses.slice(0, 6), [2000, 4000, 8000, 16_000, 30_000, 30_000])
        assert.strictEqual(value(yield* token.current(defaultAgent)), "one")
        const status = yield* token.status(defaultAgent)
        assert.strictEqual(status.state, "failing")
        assert.deepStrictEqual(
          status.lastError,
          Option.some({ code: "HTTP 503", hint: "mint is restarting", attempt: asks.length - 1 })
        )
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(value(yield* token.current(defaultAgent)), "none")
        assert.lengthOf(logged.filter((line) => line.includes("mint is restarting")), 1)

        yield* answers(Effect.succeed(issued("two")))
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(value(yield* token.current(defaultAgent)), "two")
        assert.strictEqual((yield* token.status(defaultAgent)).state, "valid")
      })
    ))

  it.effect("counts an empty token, one that has ended, a defect and silence as failures", () =>
    withLive(({ answers }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* token.current(defaultAgent)
        yield* TestClock.setTime(1000)
        const code = Effect.map(token.refresh(defaultAgent), ({ lastError, state }) => {
          assert.strictEqual(state, "failing")
          return Option.getOrThrow(lastError).code
        })
        yield* answers(Effect.succeed(issued("")))
        assert.strictEqual(yield* code, "no token")
        yield* answers(Effect.succeed(issued("old", 1000)))
        assert.strictEqual(yield* code, "expired")
        yield* answers(Effect.die("bug"))
        assert.strictEqual(yield* code, "defect")
        yield* answers(Effect.never)
        const silent = yield* Effect.forkChild(code)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(silent), "timeout")
        assert.strictEqual(value(yield* token.current(defaultAgent)), "one")
      })
    ))

  it.effect("asks a source that refuses only every 5 minutes, when asked to, and when it changes; says so loudly once", () =>
    withLive(({ answers, asks, change }, logged) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* answers(Effect.fail(refusal))
        assert.deepStrictEqual(yield* token.current(defaultAgent), Option.none())
        assert.strictEqual((yield* token.status(defaultAgent)).state, "rejected")
        assert.deepStrictEqual(yield* token.rejected(defaultAgent, Option.none(), "call"), Option.none())
        yield* TestClock.adjust("14 minutes")
        assert.deepStrictEqual(asks, [0, 5 * minutes, 10 * minutes])
        assert.deepStrictEqual(
          logged.filter((line) => line.startsWith("Error")),
          ["Error the token source refuses: INVALID_WORKSPACE_TOKEN (HTTP 401); trying again every 5 minutes"]
        )
        assert.strictEqual((yield* token.refresh(defaultAgent)).state, "rejected")
        assert.lengthOf(asks, 4)
        yield* answers(Effect.succeed(issued("two")))
        yield* change
        yield* TestClock.adjust(0)
        assert.strictEqual(value(yield* token.current(defaultAgent)), "two")
      })
    ))

  it.effect("logs status, code, attempt and next try of each failure: loudly the first, the others for those who debug", () =>
    Effect.gen(function*() {
      const { answers, source } = yield* scriptedSource
      const lines: Array<ReadonlyArray<unknown>> = []
      const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
        const { attempt, code, next, status } = fiber.getRef(References.CurrentLogAnnotations)
        if (String(message).includes("token source fails")) lines.push([logLevel, code, status, attempt, next])
      })
      yield* answers(Effect.fail(
        new TokenSourceFailed({ code: "HTTP 503 BUSY", hint: "later", status: 503, retryable: true })
      ))
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        yield* token.current(defaultAgent)
        yield* TestClock.adjust("3 seconds")
      }).pipe(
        Effect.provide(Layer.merge(over(source), Logger.layer([logger]))),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      assert.deepStrictEqual(lines, [
        ["Warn", "HTTP 503 BUSY", 503, 1, "1970-01-01T00:00:02.000Z"],
        ["Debug", "HTTP 503 BUSY", 503, 2, "1970-01-01T00:00:06.000Z"]
      ])
    }))

  it.effect("shares one refresh between all whose token the relay rejected", () =>
    withLive(({ answers, asks }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const used = yield* token.current(defaultAgent)
        const latch = yield* Latch.make()
        yield* answers(Effect.as(latch.await, issued("two")))
        const callers = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 50 }), () => token.rejected(defaultAgent, used, "call"), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("1 second")
        const gone = yield* Effect.forkChild(token.rejected(defaultAgent, used, "call"))
        yield* Fiber.interrupt(gone)
        yield* latch.open
        assert.deepStrictEqual([...new Set((yield* Fiber.join(callers)).map(value))], ["two"])
        assert.lengthOf(asks, 2)
        assert.strictEqual(value(yield* token.rejected(defaultAgent, used, "call")), "two")
        assert.lengthOf(asks, 2)
      })
    ))

  it.effect("goes on asking for the others when the caller that asked first goes away", () =>
    withLive(({ answers, asks }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const used = yield* token.current(defaultAgent)
        const latch = yield* Latch.make()
        yield* answers(Effect.as(latch.await, issued("two")))
        const first = yield* Effect.forkChild(token.rejected(defaultAgent, used, "call"), { startImmediately: true })
        const second = yield* Effect.forkChild(token.rejected(defaultAgent, used, "call"), { startImmediately: true })
        yield* Fiber.interrupt(first)
        yield* latch.open
        assert.strictEqual(value(yield* Fiber.join(second)), "two")
        assert.lengthOf(asks, 2)
      })
    ))

  it.effect("gives nothing to try where the source has the same token still", () =>
    withLive(({ asks }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const used = yield* token.current(defaultAgent)
        assert.deepStrictEqual(yield* token.rejected(defaultAgent, used, "call"), Option.none())
        assert.lengthOf(asks, 2)
      })
    ))

  /** As a request that comes to nothing does it: another token, then the verdict. */
  const turnedAway = Effect.fnUntraced(function*(askedFor: AskedFor = "call") {
    const token = yield* LiveToken
    const used = yield* token.current(defaultAgent)
    const next = yield* token.rejected(defaultAgent, used, askedFor)
    yield* token.refused(defaultAgent, Option.orElse(next, () => used), askedFor)
  })

  it.effect("says of a token that the relay refuses that it does, however many calls it took, and asks for another once", () =>
    withLive(({ asks }, logged) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* Effect.replicateEffect(turnedAway(), 8)
        assert.lengthOf(asks, 2)
        const status = yield* token.status(defaultAgent)
        assert.strictEqual(status.state, "rejected")
        assert.deepStrictEqual(
          status.lastError,
          Option.some({ code: "refused", hint: "the relay refuses the token", status: 401, attempt: 1 })
        )
        assert.deepStrictEqual(logged, [
          "Error the relay refuses the token (401); asking the source again in 5 minutes"
        ])
        yield* TestClock.adjust("299 seconds")
        assert.lengthOf(asks, 2)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(asks, 3)
        yield* turnedAway()
        assert.lengthOf(asks, 3)
      })
    ))

  it.effect("leaves the source alone for 5 minutes after the relay refused 5 different tokens in a row", () =>
    withLive(({ answers, asks }, logged) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        let issues = 0
        yield* answers(Effect.sync(() => issued(`token ${++issues}`)))
        yield* Effect.replicateEffect(turnedAway(), 8)
        assert.lengthOf(asks, 5)
        const status = yield* token.status(defaultAgent)
        assert.strictEqual(status.state, "rejected")
        assert.strictEqual(Option.getOrThrow(status.lastError).hint, "the relay refused 5 tokens in a row")
        assert.deepStrictEqual(logged, [
          "Error the relay refused 2 tokens in a row (401)",
          "Error the relay refused 5 tokens in a row (401); asking the source again in 5 minutes"
        ])
        yield* TestClock.adjust("299 seconds")
        assert.lengthOf(asks, 5)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(asks, 6)
        yield* turnedAway()
        assert.lengthOf(asks, 6)
        assert.lengthOf(logged, 2)
      })
    ))

  it.effect("does not take a session that opens, or a list, for a sign that calls are allowed", () =>
    withLive(({ asks }, logged) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const used = yield* token.current(defaultAgent)
        for (const telling of ["session", "answer", "session"] as const) {
          yield* turnedAway()
          yield* token.accepted(defaultAgent, used, () => telling)
          assert.strictEqual((yield* token.status(defaultAgent)).state, "rejected", telling)
        }
        assert.lengthOf(asks, 2)
        yield* token.accepted(defaultAgent, used, () => "call")
        assert.strictEqual((yield* token.status(defaultAgent)).state, "valid")
        assert.strictEqual(logged.at(-1), "Info the relay takes the token again")

        yield* turnedAway("answer")
        yield* token.accepted(defaultAgent, used, () => "session")
        assert.strictEqual((yield* token.status(defaultAgent)).state, "rejected")
        yield* token.accepted(defaultAgent, used, () => "answer")
        assert.strictEqual((yield* token.status(defaultAgent)).state, "valid")
      })
    ))

  it.effect("is proven by an answer to more than a session's opening, until another one comes or it is refused", () =>
    withLive(({ answers }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const isProven = Effect.map(token.status(defaultAgent), ({ proven }) => proven)
        const one = yield* token.current(defaultAgent)
        assert.isFalse(yield* isProven)
        yield* token.accepted(defaultAgent, one, () => "session")
        assert.isFalse(yield* isProven)
        yield* token.accepted(defaultAgent, one, () => "answer")
        assert.isTrue(yield* isProven)
        yield* token.refresh(defaultAgent)
        assert.isTrue(yield* isProven, "the source gave the same one again")

        yield* answers(Effect.succeed(issued("two")))
        yield* token.refresh(defaultAgent)
        assert.isFalse(yield* isProven)
        yield* token.accepted(defaultAgent, one, () => "call")
        assert.isFalse(yield* isProven, "a late answer to the token before")
        const two = yield* token.current(defaultAgent)
        yield* token.accepted(defaultAgent, two, () => "call")
        assert.isTrue(yield* isProven)
        yield* turnedAway()
        assert.isFalse(yield* isProven)
      })
    ))

  it.effect("is not cleared by a late answer to the token before", () =>
    withLive(({ answers }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        const before = yield* token.current(defaultAgent)
        yield* answers(Effect.succeed(issued("two")))
        yield* token.refresh(defaultAgent)
        yield* turnedAway()
        yield* token.accepted(defaultAgent, before, () => "call")
        assert.strictEqual((yield* token.status(defaultAgent)).state, "rejected")
      })
    ))

  it.effect("says that the relay asks for a token where there is none", () =>
    withLive(({ answers }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* answers(Effect.fail(
          new TokenSourceFailed({ code: "no login", hint: "nobody logged in", retryable: false, absent: true })
        ))
        yield* turnedAway()
        const { lastError, state } = yield* token.status(defaultAgent)
        assert.strictEqual(state, "none")
        assert.strictEqual(Option.getOrThrow(lastError).code, "wanted")
        yield* answers(Effect.succeed(issued("two")))
        assert.deepStrictEqual((yield* token.refresh(defaultAgent)).lastError, Option.none())
      })
    ))

  it.effect.each(["an accepted answer", "token refresh", "a change of the source"] as const)(
    "counts the relay's rejections afresh after %s",
    (how) =>
      withLive(({ asks, change }) =>
        Effect.gen(function*() {
          const token = yield* LiveToken
          const used = yield* token.current(defaultAgent)
          yield* Effect.replicateEffect(turnedAway(), 5)
          if (how === "an accepted answer") yield* token.accepted(defaultAgent, used, () => "call")
          if (how === "token refresh") yield* token.refresh(defaultAgent)
          if (how === "a change of the source") yield* change
          yield* TestClock.adjust(0)
          const before = asks.length
          yield* token.rejected(defaultAgent, used, "call")
          assert.lengthOf(asks, before + 1)
        })
      )
  )

  it.effect("tells each change after it took effect, and whether the principal changed", () =>
    withLive(({ answers }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* token.current(defaultAgent)
        const told = yield* Effect.forkChild(
          token.changes.pipe(
            Stream.mapEffect((change) =>
              Effect.map(token.current(change.agent), (now) => [value(now), change.principalChanged])
            ),
            Stream.take(2),
            Stream.runCollect
          ),
          { startImmediately: true }
        )
        yield* token.refresh(defaultAgent)
        yield* answers(Effect.succeed(issued("two")))
        yield* token.refresh(defaultAgent)
        yield* answers(Effect.succeed({ ...issued("three"), subject: Option.some("somebody else") }))
        yield* token.refresh(defaultAgent)
        assert.deepStrictEqual(yield* Fiber.join(told), [["two", false], ["three", true]])
      })
    ))

  it.effect("measures refreshes and the time to the token's end", () =>
    withLive(({ answers }) =>
      Effect.gen(function*() {
        const token = yield* LiveToken
        yield* answers(Effect.succeed(issued("one", 60 * minutes)))
        yield* token.current(defaultAgent)
        yield* TestClock.adjust("30 minutes")
        const labels = { relay: "default", agent: "*" }
        const left = yield* Metric.value(Metric.withAttributes(Metrics.tokenTimeToExpiry, labels))
        assert.strictEqual(left.value, 1800)
        const refreshes = yield* Metric.value(
          Metric.withAttributes(Metrics.tokenRefreshes, { ...labels, outcome: "changed" })
        )
        assert.strictEqual(refreshes.count, 1)
      })
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("goes without a token where no source is configured", () =>
    Effect.gen(function*() {
      const token = yield* LiveToken
      assert.deepStrictEqual(yield* token.current(defaultAgent), Option.none())
      assert.deepStrictEqual(yield* token.rejected(defaultAgent, Option.none(), "call"), Option.none())
      assert.strictEqual((yield* token.status(defaultAgent)).state, "none")
    }).pipe(
      Effect.provide(LiveToken.layer.pipe(Layer.provide([Supervisor.layer, target({}), dataDirectory]))),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({}))
    ))

  it.effect("keeps one token for each agent where the file's name holds the agent's", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "default.token"), "of-default\n")
      writeFileSync(join(directory, "ada.token"), "of-ada\n")
      const ada = AgentName.make("ada")
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        assert.strictEqual(value(yield* token.current(defaultAgent)), "of-default")
        const used = yield* token.current(ada)
        assert.strictEqual(value(used), "of-ada")
        assert.notStrictEqual(yield* token.principal(ada), yield* token.principal(defaultAgent))
        assert.deepStrictEqual(yield* token.rejected(ada, used, "call"), Option.none())
        writeFileSync(join(directory, "ada.token"), "of-ada-rotated\n")
        assert.strictEqual(value(yield* token.rejected(ada, used, "call")), "of-ada-rotated")
        const fibers = yield* Effect.flatMap(Supervisor, ({ fibers }) => fibers)
        assert.deepStrictEqual(fibers.map(({ name }) => name), ["token default/default", "token default/ada"])
      }).pipe(
        Effect.provide(LiveToken.layer.pipe(
          Layer.provide(target({ file: join(directory, "{agent}.token") })),
          Layer.provide(dataDirectory),
          Layer.provideMerge(Supervisor.layer)
        ))
      )
    }))

  it.effect("keeps a token of its own for an agent that is configured so, and one for all others", () =>
    Effect.gen(function*() {
      const ada = AgentName.make("ada")
      const other = AgentName.make("other")
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        assert.strictEqual(value(yield* token.current(defaultAgent)), "shared")
        assert.strictEqual(value(yield* token.current(other)), "shared")
        assert.strictEqual(value(yield* token.current(ada)), "ada's")
        assert.strictEqual(yield* token.principal(other), yield* token.principal(defaultAgent))
        const fibers = yield* Effect.flatMap(Supervisor, ({ fibers }) => fibers)
        assert.deepStrictEqual(fibers.map(({ name }) => name), ["token default/*", "token default/ada"])
      }).pipe(
        Effect.provide(LiveToken.layer.pipe(
          Layer.provide(target({
            value: Redacted.make("shared"),
            agents: { [ada]: { value: Redacted.make("ada's") } }
          })),
          Layer.provide(dataDirectory),
          Layer.provideMerge(Supervisor.layer)
        ))
      )
    }))
})
