import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Option, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import * as CredentialDirectory from "../../../src/credentials/CredentialDirectory.ts"
import {
  type CredentialSource,
  CredentialSources,
  CredentialUnavailable,
  type IssuedCredential
} from "../../../src/credentials/CredentialSources.ts"
import { RuntimeCredentials, type Turn } from "../../../src/credentials/RuntimeCredentials.ts"

const minute = 60_000
const command = { command: "unused" }
const settings = settingsFrom({
  credentials: {
    github: { provider: "github", handOver: { fileEnv: ["GITHUB_FILE"] }, token: command },
    gitlab: { provider: "gitlab", handOver: {}, token: command },
    google: { hosts: ["google.test"], handOver: { fileEnv: ["GOOGLE_FILE"], retainAcrossTurns: true }, token: command },
    private: { hosts: ["private.test"], token: command }
  }
})

/** Sources by name that say when they were asked; each token says when it came, and lasts an hour. */
const stage = Effect.gen(function*() {
  const asks: Array<string> = []
  const failing = new Map<string, Effect.Effect<IssuedCredential, CredentialUnavailable>>()
  const sources = new Map<string, CredentialSource>(
    Object.keys(settings.credentials).map((name) => [name, {
      source: "scripted",
      ask: Effect.gen(function*() {
        const at = yield* Clock.currentTimeMillis
        asks.push(`${name} ${at}`)
        const failure = failing.get(name)
        if (failure !== undefined) return yield* failure
        return { token: Redacted.make(`${name} ${at}`), expiresAt: Option.some(at + 60 * minute), username: undefined }
      })
    }])
  )
  const scope = yield* Scope.fork(yield* Effect.scope)
  const runtime = yield* Layer.buildWithScope(
    RuntimeCredentials.layerNoDeps.pipe(Layer.provide([
      NodeServices.layer,
      Layer.succeed(Settings, settings),
      Layer.succeed(CredentialSources, { sources })
    ])),
    scope
  )
  const { beginTurn, endTurn } = yield* Effect.provideContext(RuntimeCredentials, runtime)
  return { asks, failing, beginTurn, endTurn, close: Scope.close(scope, Exit.void) }
})

const value = ({ env }: Turn, name: string): string => {
  const found = env[name]
  return found === undefined ? "" : Redacted.value(found)
}
const unavailable = (name: string) =>
  new CredentialUnavailable({ name, code: "HTTP 503", hint: "later", retryable: true })

describe("RuntimeCredentials", () => {
  it.effect("hands over what the settings say and nothing else, in variables and in files of their owner's", () =>
    Effect.gen(function*() {
      const { beginTurn } = yield* stage
      const turn = yield* beginTurn
      assert.deepStrictEqual(Object.keys(turn.env).sort(), ["GH_TOKEN", "GITHUB_FILE", "GITLAB_TOKEN", "GOOGLE_FILE"])
      assert.strictEqual(value(turn, "GH_TOKEN"), "github 0")
      const file = value(turn, "GITHUB_FILE")
      assert.strictEqual(readFileSync(file, "utf8"), "github 0")
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.strictEqual(statSync(dirname(file)).mode & 0o777, 0o700)
    }))

  it.effect("clears them after the turn, but for what is retained, and all of it in the end", () =>
    Effect.gen(function*() {
      const { beginTurn, close, endTurn } = yield* stage
      const turn = yield* beginTurn
      yield* endTurn
      assert.isFalse(existsSync(value(turn, "GITHUB_FILE")))
      assert.isTrue(existsSync(value(turn, "GOOGLE_FILE")))
      assert.isTrue(existsSync(value(yield* beginTurn, "GITHUB_FILE")))
      yield* close
      assert.isFalse(existsSync(dirname(value(turn, "GOOGLE_FILE"))))
    }))

  it.effect("takes away what a process left that was killed, and nothing of one that lives", () =>
    Effect.gen(function*() {
      const parent = yield* Effect.provide(CredentialDirectory.parent, [
        NodeServices.layer,
        Layer.succeed(Settings, settings)
      ])
      const prefix = join(parent, yield* Effect.provide(CredentialDirectory.prefix, NodeServices.layer))
      // Larger than any process id.
      const nobody = 2 ** 30
      const left = mkdtempSync(`${prefix}${nobody}-`)
      writeFileSync(join(left, "github"), "secret", { mode: 0o600 })
      const alive = mkdtempSync(`${prefix}${process.ppid}-`)
      const elsewhere = mkdtempSync(join(parent, `holdfast-credentials-1-${nobody}-`))
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => [alive, elsewhere].forEach((path) => rmSync(path, { recursive: true })))
      )
      yield* stage
      assert.deepStrictEqual([left, alive, elsewhere].map((path) => existsSync(path)), [false, true, true])
    }))

  it.effect("begins a turn with credentials not older than 60 s, and asks at most once in 30 s", () =>
    Effect.gen(function*() {
      const { asks, beginTurn, endTurn } = yield* stage
      for (const at of [0, 20_000, 60_000, 60_001, 70_000]) {
        yield* TestClock.setTime(at)
        yield* beginTurn
        yield* endTurn
      }
      assert.deepStrictEqual(asks.filter((ask) => ask.startsWith("github")), ["github 0", "github 60001"])
    }))

  it.effect("renews the files while a turn goes on, within 5 minutes of their end, and nothing between turns", () =>
    Effect.gen(function*() {
      const { asks, beginTurn, endTurn } = yield* stage
      const turn = yield* beginTurn
      yield* TestClock.adjust("54 minutes")
      assert.strictEqual(readFileSync(value(turn, "GITHUB_FILE"), "utf8"), "github 0")
      yield* TestClock.adjust("2 minutes")
      const renewed = `github ${55 * minute}`
      // The file is written in real time.
      for (let turns = 0; turns < 400 && readFileSync(value(turn, "GITHUB_FILE"), "utf8") !== renewed; turns++) {
        yield* Effect.promise(() => sleep(5))
      }
      assert.strictEqual(readFileSync(value(turn, "GITHUB_FILE"), "utf8"), renewed)
      yield* endTurn
      const before = asks.length
      yield* TestClock.adjust("10 hours")
      assert.strictEqual(asks.length, before)
    }))

  it.effect("asks side by side and gives each 10 s: one that hangs or fails is missed alone, and an old one goes on", () =>
    Effect.gen(function*() {
      const { beginTurn, endTurn, failing } = yield* stage
      failing.set("google", Effect.never)
      const first = yield* Effect.forkChild(beginTurn)
      yield* TestClock.adjust("10 seconds")
      const turn = yield* Fiber.join(first)
      assert.strictEqual(value(turn, "GH_TOKEN"), "github 0")
      assert.deepStrictEqual(turn.unavailable.map(({ code, name }) => [name, code]), [["google", "timeout"]])
      yield* endTurn

      yield* TestClock.setTime(5 * minute)
      failing.set("github", Effect.fail(unavailable("github")))
      failing.delete("google")
      const second = yield* beginTurn
      assert.strictEqual(value(second, "GH_TOKEN"), "github 0")
      assert.isEmpty(second.unavailable)
    }))
})
