import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { DaemonLock } from "../../../src/storage/DaemonLock.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import * as EndpointFile from "../../../src/storage/EndpointFile.ts"
import { childEnvironment } from "../../support/environment.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const locked = (path: string) => DaemonLock.layer.pipe(Layer.provideMerge(DataDirectory.layerAt(path)))

/** Another process that wants the lock, and the first thing that it said. */
const daemon = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, [
        fileURLToPath(new URL("../../support/holdLock.ts", import.meta.url)),
        path
      ], {
        stdio: ["ignore", "pipe", "inherit"],
        env: childEnvironment()
      })
      const [said] = await once(child.stdout, "data")
      return { child, said: String(said) }
    }),
    ({ child }) => Effect.promise(() => kill(child))
  )

const kill = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  child.kill("SIGKILL")
  await exit
}

describe("DaemonLock", () => {
  it.effect("refuses a second daemon and names the first, the directory and the way out", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { child } = yield* daemon(path)
      const error = yield* Effect.flip(Layer.build(locked(path)))
      assert.strictEqual(error._tag, "DaemonRunning")
      assert.include(error.message, `process ${child.pid}`)
      assert.include(error.message, path)
      assert.include(error.message, "--data-dir")
    }))

  it.effect("is freed by SIGKILL, and the next daemon removes what the killed one announced", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { child } = yield* daemon(path)
      yield* Effect.promise(() => kill(child))
      const context = yield* Layer.build(locked(path))
      assert.deepStrictEqual(yield* EndpointFile.read.pipe(Effect.provide(context)), Option.none())
    }))

  it.effect("is freed when the layer ends", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(locked(path), scope)
      const error = yield* Effect.flip(Layer.build(locked(path)))
      assert.strictEqual(error._tag, "DaemonRunning")
      yield* Scope.close(scope, Exit.void)
      yield* Layer.build(locked(path))
    }))

  it.effect("is not lost by a second attempt in the same process", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* Layer.build(locked(path))
      yield* Effect.flip(Layer.build(locked(path)))
      assert.strictEqual((yield* daemon(path)).said, "DaemonRunning")
    }))

  it.effect("says so where the lock's file is something else", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      writeFileSync(join(path, "lock.db"), "x".repeat(4096))
      const error = yield* Effect.flip(Layer.build(locked(path)))
      assert.strictEqual(error._tag, "DatabaseUnusable")
      assert.include(error.message, "lock.db is damaged")
    }))
})
