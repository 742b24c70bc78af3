import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import { settingsFrom } from "../../../src/config/Settings.ts"
import { layerFor } from "../../../src/observability/Logging.ts"
import { LogThreshold } from "../../../src/observability/LogThreshold.ts"
import * as Screen from "../../../src/observability/Screen.ts"

const terminal = { isTerminal: true, color: false }
const pipe = { isTerminal: false, color: false }
const { log } = settingsFrom({})

const event = Effect.logError("fiber failed", Redacted.make("s3cret"), new Error("no\ndisk")).pipe(
  Effect.annotateLogs({ relay: "default", duration: 12 })
)
const lines = Effect.map(TestConsole.errorLines, (lines) => lines.map(String))

describe("Logging", () => {
  it.effect("is one line an event on stderr in every format, and never shows a secret", () =>
    Effect.gen(function*() {
      for (const format of ["pretty", "logfmt", "json"] as const) {
        yield* event.pipe(Effect.provide(layerFor({ ...log, format }, terminal)))
      }
      const written = yield* lines
      assert.lengthOf(written, 3)
      for (const line of written) {
        assert.notInclude(line, "\n")
        assert.notInclude(line, "s3cret")
        assert.include(line, "fiber failed")
        assert.include(line, "default")
      }
      assert.lengthOf(yield* TestConsole.logLines, 0)
    }))

  it.effect("is for people on a terminal, logfmt elsewhere, and what the settings say in both cases", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(3_723_000)
      const said = Effect.logInfo("link up").pipe(Effect.annotateLogs({ relay: "default" }))
      yield* said.pipe(Effect.provide(layerFor(log, terminal)))
      yield* said.pipe(Effect.provide(layerFor(log, pipe)))
      yield* said.pipe(Effect.provide(layerFor({ ...log, format: "json" }, terminal)))
      const [pretty, logfmt = "", json = ""] = yield* lines
      assert.strictEqual(pretty, "01:02:03 INFO  link up relay=default")
      assert.include(logfmt, "message=\"link up\"")
      assert.include(json, "\"message\":\"link up\"")
    }))

  it.effect("has one message and fields of their own, whatever was logged beside it", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(3_723_000)
      const said = Effect.logWarning(
        "the relay cannot be reached",
        { why: "no \"way\"\n=there", attempts: 3, relays: ["a", "b"], gone: undefined, level: "odd" },
        Redacted.make("s3cret"),
        new Error("boom")
      ).pipe(Effect.annotateLogs({ relay: "default" }))
      for (const format of ["pretty", "logfmt", "json"] as const) {
        yield* said.pipe(Effect.provide(layerFor({ ...log, format }, terminal)))
      }
      const [pretty = "", logfmt = "", json = ""] = yield* lines
      assert.strictEqual(
        pretty,
        "01:02:03 WARN  the relay cannot be reached: <redacted>: boom relay=default why=no \"way\" =there attempts=3 "
          + "relays=a, b level=odd"
      )
      const pairs = [...logfmt.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)(?: |$)/g)]
      assert.strictEqual(pairs.map(([pair]) => pair).join(""), logfmt)
      const read = (text: string) => text.startsWith("\"") ? JSON.parse(text) : text
      const parsed = pairs.map(([, key, text = ""]) => [key, read(text)])
      assert.deepStrictEqual(parsed.slice(0, -1), [
        ["timestamp", "1970-01-01T01:02:03.000Z"],
        ["level", "warning"],
        ["message", "the relay cannot be reached: <redacted>"],
        ["relay", "default"],
        ["why", "no \"way\"\n=there"],
        ["attempts", "3"],
        ["relays", "a, b"],
        ["level_", "odd"]
      ])
      assert.match(parsed.at(-1)?.[1], /^Error: boom\n +at /)
      const document = JSON.parse(json)
      assert.deepStrictEqual(Object.keys(document), parsed.map(([key]) => key))
      assert.strictEqual(document.attempts, 3)
      assert.strictEqual(document.why, "no \"way\"\n=there")
    }))

  it.effect("leaves out what is below the level", () =>
    Effect.gen(function*() {
      const all = Effect.all([Effect.logDebug("d"), Effect.logInfo("i"), Effect.logWarning("w"), Effect.logError("e")])
      yield* all.pipe(Effect.provide(layerFor({ ...log, level: "warning" }, terminal)))
      assert.lengthOf(yield* lines, 2)
      yield* all.pipe(Effect.provide(layerFor({ ...log, level: "debug" }, terminal)))
      assert.lengthOf(yield* lines, 6)
    }))

  it.effect("obeys a level that is set while it runs, in a fiber that runs already too, and says at once what is logged", () =>
    Effect.gen(function*() {
      const { isEnabled, level, set } = yield* LogThreshold
      const later = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(Effect.andThen(Deferred.await(later), Effect.logDebug("d")))
      yield* Effect.logDebug("d")
      assert.isFalse(isEnabled("Debug"))
      assert.isTrue(isEnabled("Info"))
      yield* set("debug")
      assert.isTrue(isEnabled("Debug"))
      assert.strictEqual(yield* level, "debug")
      yield* Deferred.succeed(later, undefined)
      yield* Fiber.join(fiber)
      assert.lengthOf(yield* lines, 1)
      yield* set("error")
      yield* Effect.logWarning("w")
      assert.isFalse(isEnabled("Warn"))
      assert.lengthOf(yield* lines, 1)
    }).pipe(Effect.provide(layerFor(log, terminal))))

  it.effect("is an embedding program's own where that has other loggers: there everything may be logged, nothing set", () =>
    Effect.gen(function*() {
      const { isEnabled, set } = yield* LogThreshold
      assert.isTrue(isEnabled("Trace"))
      assert.include((yield* Effect.flip(set("debug"))).message, "the program that runs Holdfast")
    }))

  it.effect("shows an operator no terminal sequences of others", () =>
    Effect.gen(function*() {
      const said = Effect.logWarning("the relay says \u001b[2J\u001b[31mall is well\r\n")
      yield* said.pipe(Effect.annotateLogs({ tool: "a\u001b[0mb" }), Effect.provide(layerFor(log, terminal)))
      const [line = ""] = yield* lines
      assert.notMatch(line, /\p{Cc}/u)
    }))

  it.effect("colors the level where the terminal can", () =>
    Effect.gen(function*() {
      yield* Effect.logError("no").pipe(Effect.provide(layerFor(log, { isTerminal: true, color: true })))
      const [line = ""] = yield* lines
      assert.include(Screen.written(line), "\u001b[31mERROR")
    }))
})
