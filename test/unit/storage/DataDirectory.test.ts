import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, FileSystem, Layer, Option, PlatformError } from "effect"
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { DataDirectory, dataDirectoryPath } from "../../../src/storage/DataDirectory.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
const build = (path: string) =>
  Effect.map(Layer.build(DataDirectory.layerAt(path)), (context) => Context.get(context, DataDirectory))
const refusal = (path: string) => Effect.flip(Layer.build(DataDirectory.layerAt(path)))

/** The real file system, where files cannot be opened for this reason. */
const failingToOpen = (code: string) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      open: () =>
        Effect.fail(PlatformError.systemError({
          _tag: "Unknown",
          module: "FileSystem",
          method: "open",
          cause: Object.assign(new Error(code), { code })
        }))
    }))
  ).pipe(Layer.provide(NodeFileSystem.layer))

describe("DataDirectory", () => {
  it.effect("is created for this user alone, with its parents", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "state", "holdfast")
      const directory = yield* build(path)
      yield* directory.writeAtomically("agent-secret", "s3cret\n")
      yield* directory.create("holdfast.db")
      assert.strictEqual(mode(path), "700")
      assert.strictEqual(mode(directory.file("agent-secret")), "600")
      assert.strictEqual(mode(directory.file("holdfast.db")), "600")
      assert.deepStrictEqual(readdirSync(path), ["agent-secret", "holdfast.db"])
    }))

  it.effect("reads back what was written, and nothing where nothing was", () =>
    Effect.gen(function*() {
      const directory = yield* build(yield* temporaryDirectory)
      assert.deepStrictEqual(yield* directory.readSecretFile("agent-secret"), Option.none())
      yield* directory.writeAtomically("agent-secret", "old\n")
      yield* directory.writeAtomically("agent-secret", "new\n")
      assert.deepStrictEqual(yield* directory.readSecretFile("agent-secret"), Option.some("new"))
      yield* directory.remove("agent-secret")
      yield* directory.remove("agent-secret")
      assert.deepStrictEqual(yield* directory.readSecretFile("agent-secret"), Option.none())
    }))

  it.effect("takes over the draft that a crash left", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      writeFileSync(join(path, ".endpoint.json.new"), "half of i")
      const directory = yield* build(path)
      yield* directory.writeAtomically("endpoint.json", "{}")
      assert.deepStrictEqual(readdirSync(path), ["endpoint.json"])
    }))

  it.effect("closes a directory of ours that others may read, files included", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      writeFileSync(join(path, "holdfast.db"), "")
      chmodSync(join(path, "holdfast.db"), 0o644)
      chmodSync(path, 0o755)
      const directory = yield* build(path)
      yield* directory.create("holdfast.db")
      assert.strictEqual(mode(path), "700")
      assert.strictEqual(mode(join(path, "holdfast.db")), "600")
    }))

  it.effect("refuses to close somebody's directory of other things", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      writeFileSync(join(path, "thesis.tex"), "")
      chmodSync(path, 0o755)
      const error = yield* refusal(path)
      assert.strictEqual(error.reason, "shared")
      assert.strictEqual(mode(path), "755")
    }))

  it.effect("refuses a file in its place", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "holdfast")
      writeFileSync(path, "")
      assert.include((yield* refusal(path)).message, "move it away")
    }))

  it.effect.each([
    { code: "ENOSPC", words: "the disk is full" },
    { code: "EROFS", words: "read-only disk" },
    { code: "EACCES", words: "may not write" }
  ])(
    "says at the start what to do about $code",
    ({ code, words }) =>
      Effect.gen(function*() {
        const path = yield* temporaryDirectory
        const layer = DataDirectory.layerNoDeps(path).pipe(Layer.provide(failingToOpen(code)))
        const error = yield* Effect.flip(Layer.build(layer))
        assert.include(error.message, words)
        assert.include(error.message, path)
        assert.include(error.message, "--data-dir")
      })
  )

  it.effect("lies under XDG_STATE_HOME, else under the home directory, unless it is named", () =>
    Effect.gen(function*() {
      const path = (given: string | undefined, environment: Record<string, string>) =>
        dataDirectoryPath(given).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
        )
      assert.strictEqual(yield* path(undefined, { XDG_STATE_HOME: "/state" }), "/state/holdfast")
      assert.strictEqual(yield* path(undefined, { XDG_STATE_HOME: "" }), join(homedir(), ".local/state/holdfast"))
      assert.strictEqual(yield* path(undefined, {}), join(homedir(), ".local/state/holdfast"))
      assert.strictEqual(yield* path("/data", { XDG_STATE_HOME: "/state" }), "/data")
    }))

  it.effect("creates nothing for a command that only reads", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      mkdirSync(join(parent, "other"))
      const path = join(parent, "holdfast")
      const secret = yield* Effect.flatMap(DataDirectory, (directory) => directory.readSecretFile("agent-secret")).pipe(
        Effect.provide(DataDirectory.layerReading(path))
      )
      assert.deepStrictEqual(secret, Option.none())
      assert.deepStrictEqual(readdirSync(parent), ["other"])
    }))
})
