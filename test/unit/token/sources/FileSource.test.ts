import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Option, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FileSource from "../../../../src/token/sources/FileSource.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"

const source = (path: string) => FileSource.make(path).pipe(Effect.provide(NodeFileSystem.layer))
const read = (path: string) =>
  Effect.flatMap(source(path), ({ fetch }) => Effect.map(fetch, ({ value }) => Redacted.value(value)))

/** Whether it comes about soon; in real time, as a file system takes. */
const soon = <A>(effect: Effect.Effect<A>) =>
  Effect.map(TestClock.withLive(Effect.timeoutOption(effect, "100 millis")), Option.isSome)

/** Makes the change again and again, 5 s of the test's clock apart, until it is told. */
const untilTold = Effect.fnUntraced(function*(path: string, change: (turn: number) => void) {
  const { changes } = yield* source(path)
  const told = yield* Effect.forkChild(Stream.runHead(changes), { startImmediately: true })
  let turn = 0
  do {
    change(turn++)
    yield* TestClock.adjust("5 seconds")
  } while (!(yield* soon(Fiber.await(told))))
})

describe("FileSource", () => {
  it.effect("looks at a file of ours only where that file was written, and not for the database beside it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = join(directory, "login.json")
      const fs = yield* FileSystem.FileSystem
      let looks = 0
      const update = (name: string) => ({ _tag: "Update" as const, path: join(directory, name) })
      const rewritten = Effect.sync(() => {
        writeFileSync(path, "new")
        return update("login.json")
      })
      const events = Stream.concat(
        Stream.fromIterable(Array.from({ length: 200 }, () => update("holdfast.db-wal"))),
        Stream.fromEffect(rewritten)
      )
      const changes = yield* FileSource.of(path, { ofOurs: true }).pipe(
        Effect.provideService(
          FileSystem.FileSystem,
          FileSystem.FileSystem.of({
            ...fs,
            stat: (path) => Effect.andThen(Effect.sync(() => looks++), fs.stat(path)),
            watch: () => Stream.concat(events, Stream.never)
          })
        )
      )
      yield* Stream.runHead(changes)
      assert.strictEqual(looks, 2)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("reads the token without the line's end", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "token")
      writeFileSync(path, " secret\r\n")
      assert.strictEqual(yield* read(path), "secret")
    }))

  it.effect("fails, and may be asked again, where the file is empty or missing", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "token")
      const missing = yield* Effect.flip(read(path))
      writeFileSync(path, "\n")
      const empty = yield* Effect.flip(read(path))
      assert.deepStrictEqual([missing.code, missing.retryable], ["NotFound", true])
      assert.deepStrictEqual([empty.code, empty.retryable], ["empty", true])
      assert.include(empty.message, path)
    }))

  it.effect("takes nothing for a token that is none: the one in force stays", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "token")
      for (const text of ["<html>502</html>", "two words", "{\"error\":\"x\"}", "tok\u0000en", "t\u00f6ken"]) {
        writeFileSync(path, text)
        const error = yield* Effect.flip(read(path))
        assert.deepStrictEqual([error.code, error.retryable], ["no token", true], text)
        assert.notInclude(error.message, text)
      }
      for (const text of ["eyJhbGciOi.J9-_~+/==", "user:p%40ss", "ghp_0123"]) {
        writeFileSync(path, text)
        assert.strictEqual(yield* read(path), text)
      }
    }))

  it.effect("tells when the file is written in place", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "token")
      writeFileSync(path, "one")
      yield* untilTold(path, (turn) => writeFileSync(path, "x".repeat(turn + 4)))
      assert.include(yield* read(path), "xxxx")
    }))

  it.effect("tells when another file is renamed over it, as editors do", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "token")
      writeFileSync(path, "one")
      yield* untilTold(path, () => {
        writeFileSync(`${path}.new`, "two")
        renameSync(`${path}.new`, path)
      })
      assert.strictEqual(yield* read(path), "two")
    }))

  it.effect("tells when a link on the way is swapped, as mounted secrets are", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = join(directory, "mounted", "token")
      for (const [version, token] of [["v1", "one"], ["v2", "two"]] as const) {
        mkdirSync(join(directory, version))
        writeFileSync(join(directory, version, "token"), token)
      }
      symlinkSync("v1", join(directory, "data"))
      mkdirSync(join(directory, "mounted"))
      symlinkSync("../data/token", path)
      yield* untilTold(path, (turn) => {
        symlinkSync(turn % 2 === 0 ? "v2" : "v1", join(directory, "data.new"))
        renameSync(join(directory, "data.new"), join(directory, "data"))
      })
    }))

  it.effect("tells when a missing file appears, in a directory that was missing too", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporaryDirectory, "later")
      yield* untilTold(join(directory, "token"), (turn) => {
        mkdirSync(directory, { recursive: true })
        writeFileSync(join(directory, "token"), "x".repeat(turn + 1))
      })
      assert.include(yield* read(join(directory, "token")), "x")
    }))
})
