import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as CommandSource from "../../../../src/token/sources/CommandSource.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"

const run = (command: string, agent = "default") =>
  CommandSource.make(command, agent).pipe(
    Effect.flatMap(({ fetch }) => fetch),
    Effect.provide(NodeServices.layer)
  )

describe("CommandSource", () => {
  it.effect("takes what the command prints for the token", () =>
    Effect.gen(function*() {
      const issued = yield* run("printf ' bare\\n'")
      assert.strictEqual(Redacted.value(issued.value), "bare")
      assert.deepStrictEqual(issued.expiresAt, Option.none())
    }))

  it.effect("takes JSON with token, expiresAt and scopes", () =>
    Effect.gen(function*() {
      const json = "{\"token\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\",\"scopes\":[\"b\",\"a\"]}"
      const issued = yield* run(`echo '${json}'`)
      assert.strictEqual(Redacted.value(issued.value), "t")
      assert.deepStrictEqual(issued.expiresAt, Option.some(Date.parse("2026-11-21T12:00:00Z")))
      assert.deepStrictEqual(issued.scopes, ["b", "a"])
    }))

  it.effect("tells the command which agent it is for", () =>
    Effect.gen(function*() {
      assert.strictEqual(Redacted.value((yield* run("echo token-of-$HOLDFAST_AGENT", "ada")).value), "token-of-ada")
    }))

  it.effect("keeps what it complains of, but nothing that looks like a token", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(run("echo 'vault is sealed, key s.AbCdEf1234567890xyz' >&2; exit 3"))
      assert.deepInclude({ ...error }, { code: "exit 3", hint: "vault is sealed, key …", retryable: true })
    }))

  it.effect.each(
    [
      { command: "true", hint: "the answer is empty" },
      { command: "echo two words", hint: "neither JSON nor a token" },
      { command: "echo '{}'", hint: "holds no token" },
      { command: "no-such-command-anywhere", hint: "not found" }
    ]
  )("fails without a token: $command", ({ command, hint }) =>
    Effect.gen(function*() {
      assert.include((yield* Effect.flip(run(command))).hint, hint)
    }))

  it.effect("stops one that takes too long, with its children", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryDirectory, "pid")
      const asking = yield* Effect.forkChild(
        Effect.flip(run(`sleep 600 & echo $! > '${file}.new'; mv '${file}.new' '${file}'; wait`))
      )
      yield* Effect.promise(async () => {
        while (!existsSync(file)) await sleep(5)
      })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(asking)).code, "timeout")
      const child = Number(readFileSync(file, "utf8"))
      yield* Effect.promise(async () => {
        for (let turn = 0; turn < 200 && isAlive(child); turn++) await sleep(5)
      })
      assert.isFalse(isAlive(child))
    }))
})

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
