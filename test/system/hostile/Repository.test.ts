/** A repository whose own configuration would have git run programs, or be trusted beyond itself. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { git, worktreeAt } from "../../../src/context/Git.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"

/** A repository in `user.work` that names a program for each occasion; whether one ran. */
const hostile = Effect.gen(function*() {
  const user = yield* userHome
  const ran = join(user.home, "ran")
  const program = join(user.home, "program")
  writeFileSync(program, `#!/bin/sh\ntouch ${ran}\n`)
  chmodSync(program, 0o755)
  const spoil = (...at: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      yield* user.git(...at, "config", "core.fsmonitor", program)
      yield* user.git(...at, "config", "credential.helper", `!${program}`)
      yield* user.git(...at, "config", "credential.https://git.example.com.helper", `!${program}`)
    })
  yield* user.git("init", "-q", ".")
  yield* spoil()
  return { user, spoil, program, hasRun: () => existsSync(ran) }
})

describe("a repository", () => {
  it.live("has no program of its own run where it is only looked at, and is no repository where it lies bare in another", () =>
    Effect.gen(function*() {
      const { hasRun, spoil, user } = yield* hostile
      writeFileSync(join(user.work, "file"), "x")
      assert.strictEqual((yield* git(user.work, "status", "--porcelain"))._tag, "Some")
      assert.isFalse(hasRun())
      const bare = join(user.work, "vendor")
      mkdirSync(bare)
      yield* user.git("init", "-q", "--bare", bare)
      yield* spoil("-C", bare)
      assert.strictEqual((yield* worktreeAt(bare))._tag, "None")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("sees nothing of Holdfast's in git's environment", () =>
    Effect.gen(function*() {
      const { user } = yield* hostile
      yield* Effect.acquireRelease(
        Effect.sync(() => process.env["HOLDFAST_RELAY_TOKEN"] = "s3cret"),
        () => Effect.sync(() => delete process.env["HOLDFAST_RELAY_TOKEN"])
      )
      const { _tag } = yield* git(user.work, "-c", "alias.leak=!printenv HOLDFAST_RELAY_TOKEN", "leak")
      assert.strictEqual(_tag, "None")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live(
    "gets its credential helper into no other: not into the user's configuration, where that is installed from within",
    () =>
      Effect.gen(function*() {
        const { program, user } = yield* hostile
        const configuration = join(user.home, "holdfast.json")
        const credentials = { mine: { hosts: ["git.example.com"], token: { command: "echo token" } } }
        writeFileSync(configuration, JSON.stringify({ credentials }))
        yield* user.git("config", "--global", "credential.helper", "mine")
        const words = ["credential", "install", "--data-dir", join(user.home, "data"), "--config", configuration]
        const installed = yield* user.run(process.execPath, [holdfastFile, ...words])
        assert.strictEqual(installed.code, 0, installed.err)
        const written = readFileSync(join(user.home, ".gitconfig"), "utf8")
        assert.include(written, "git credential-mine")
        assert.notInclude(written, program)
      }),
    60_000
  )
})
