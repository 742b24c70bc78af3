import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { TokenSettings } from "../../../../src/config/TokenSettings.ts"
import { AgentName, defaultRelay, RelayId } from "../../../../src/domain/Ids.ts"
import { DataDirectory } from "../../../../src/storage/DataDirectory.ts"
import { choose } from "../../../../src/token/sources/ChosenSource.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"
import { withServices } from "../../../support/token/withServices.ts"

const chosen = (settings: TokenSettings, environment: Record<string, string> = {}, relay = defaultRelay) =>
  choose(relay, settings).pipe(
    withServices,
    Effect.provide(Layer.unwrap(Effect.map(temporaryDirectory, DataDirectory.layerAt))),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
  )

/** The source that answers and its token, or what was chosen instead of one source. */
const token = Effect.fnUntraced(function*(...args: Parameters<typeof chosen>) {
  const source = yield* chosen(...args)
  if (source._tag === "PerAgent") {
    const forAll = Option.getOrThrow(yield* source.source("*"))
    return forAll.name === "login" ? "login" : source._tag
  }
  if (source._tag !== "Shared") return source._tag
  const answer = yield* source.source.fetch
  return [answer.source, Redacted.value(answer.value)] as const
})

const inEnvironment = { HOLDFAST_RELAY_TOKEN: "from environment\n" }
const value = Redacted.make("from settings")

describe("ChosenSource", () => {
  it.effect("is the environment's, where none is named", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* token({}, inEnvironment), ["environment", "from environment"])
      assert.strictEqual(yield* token({}, { HOLDFAST_RELAY_TOKEN: " " }), "login")
      assert.strictEqual(yield* token({}), "login")
    }))

  it.effect("never sends the environment's token to another relay, unless that relay's settings list it", () =>
    Effect.gen(function*() {
      const other = RelayId.make("other")
      assert.strictEqual(yield* token({}, inEnvironment, other), "login")
      assert.deepStrictEqual(yield* token({ sources: ["environment"] }, inEnvironment, other), [
        "environment",
        "from environment"
      ])
    }))

  it.effect("is the named one rather than the environment's", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* token({ value }, inEnvironment), ["value", "from settings"])
    }))

  it.effect("is refused where several are named without an order", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(token({ value, file: "/run/token" }))
      assert.strictEqual(error._tag, "TokenSettingsInvalid")
      assert.include(error.message, "value and file are both set")
    }))

  it.effect("is the first in the order that answers", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryDirectory, "token")
      const settings: TokenSettings = { value, file, sources: ["environment", "file", "value"] }
      assert.deepStrictEqual(yield* token(settings), ["value", "from settings"])
      writeFileSync(file, "from-file")
      assert.deepStrictEqual(yield* token(settings), [`file:${file}`, "from-file"])
      assert.deepStrictEqual(yield* token(settings, inEnvironment), ["environment", "from environment"])
    }))

  it.effect("says what each source said where none answers", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryDirectory, "token")
      const error = yield* Effect.flip(token({ file, sources: ["environment", "file"] }))
      assert.strictEqual(error._tag, "TokenSourceFailed")
      assert.include(error.message, "HOLDFAST_RELAY_TOKEN is not set")
      assert.include(error.message, file)
      const none = yield* Effect.flip(token({ sources: ["environment"] }))
      assert.strictEqual(none._tag === "TokenSourceFailed" && none.retryable, false)
    }))

  it.effect.each(
    [
      { settings: { sources: ["file"] }, words: "file is listed but not set" },
      { settings: { value, file: "/run/token", sources: ["file"] }, words: "value is set but not listed" }
    ] as const
  )("is refused where the order and the sources disagree: $words", ({ settings, words }) =>
    Effect.gen(function*() {
      assert.include((yield* Effect.flip(token(settings))).message, words)
    }))

  it.effect("is the next in the order where a command fails, and is asked for the agent where its settings name it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* token({ command: "exit 1", value, sources: ["command", "value"] }), [
        "value",
        "from settings"
      ])
      assert.deepStrictEqual(yield* token({ command: "echo printed" }), ["command", "printed"])
      const perAgent = yield* chosen({ command: "echo for-{agent}" })
      if (perAgent._tag !== "PerAgent") return assert.fail("it is one source for all")
      const source = yield* Effect.flatMap(perAgent.source(AgentName.make("ada")), Effect.fromOption)
      assert.strictEqual(Redacted.value((yield* source.fetch).value), "for-ada")
    }))

  it.effect("gives the next one its turn where one hangs", () =>
    Effect.gen(function*() {
      const asking = yield* Effect.forkChild(
        token({ command: "sleep 600", value, sources: ["command", "value"] })
      )
      // The command starts in real time, its timeout is the test's: time passes until the command has been given up.
      while (asking.pollUnsafe() === undefined) {
        yield* Effect.promise(() => sleep(50))
        yield* TestClock.adjust("10 seconds")
      }
      assert.deepStrictEqual(yield* Fiber.join(asking), ["value", "from settings"])
    }))

  it.effect("refuses what an agent's own settings have wrong", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(chosen({ agents: { [AgentName.make("ada")]: { sources: ["url"] } } }))
      assert.include(error.message, "url is listed but not set")
    }))
})
