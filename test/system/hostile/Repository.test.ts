/** A repository whose own configuration would have git run programs, or be trusted beyond itself. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { basesOf, git, isAhead, isMerged, worktreeAt } from "../../../src/context/Git.ts"
import { eventually } from "../../support/eventually.ts"
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

  it.live("has no merge driver, filter or hook of its own run where branches are compared, and nothing fetched", () =>
    Effect.gen(function*() {
      const { hasRun, program, user } = yield* hostile
      const setting = (...words: ReadonlyArray<string>) => user.git("config", ...words)
      yield* setting("user.name", "a")
      yield* setting("user.email", "a@example.com")
      const commit = (text: string) =>
        Effect.gen(function*() {
          writeFileSync(join(user.work, "file"), text)
          yield* user.git("-c", "core.fsmonitor=false", "add", ".")
          yield* user.git("-c", "core.fsmonitor=false", "commit", "-q", "-m", text)
          return (yield* user.git("rev-parse", "HEAD")).out.trim()
        })
      writeFileSync(join(user.work, ".gitattributes"), "* merge=evil filter=evil diff=evil text\n")
      const first = yield* commit("one\ntwo\nthree\n")
      const base = yield* commit("one\ntwo\nthree, at the base\n")
      yield* user.git("-c", "core.fsmonitor=false", "checkout", "-q", "-b", "other", first)
      const other = yield* commit("one, elsewhere\ntwo\nthree\n")
      const common = join(user.work, ".git")
      const missing = "1".repeat(40)
      yield* setting("merge.evil.driver", `${program} %O %A %B`)
      yield* setting("merge.default", "evil")
      yield* setting("merge.renormalize", "true")
      yield* setting("filter.evil.clean", program)
      yield* setting("filter.evil.smudge", program)
      yield* setting("diff.evil.textconv", program)
      yield* setting("diff.external", program)
      yield* setting("core.hooksPath", user.home)
      yield* setting("core.sshCommand", program)
      yield* setting("core.pager", program)
      yield* setting("gpg.program", program)
      yield* setting("log.showSignature", "true")
      yield* setting("protocol.ext.allow", "always")
      yield* setting("remote.origin.url", `ext::${program}`)
      yield* setting("remote.origin.promisor", "true")
      yield* setting("remote.origin.partialclonefilter", "blob:none")
      yield* setting("extensions.partialClone", "origin")
      writeFileSync(join(common, "info", "attributes"), "* merge=evil filter=evil\n")
      for (const name of ["reference-transaction", "post-index-change", "pre-merge-commit", "post-checkout"]) {
        writeFileSync(join(user.home, name), readFileSync(program))
        chmodSync(join(user.home, name), 0o755)
      }

      assert.strictEqual((yield* worktreeAt(user.work))._tag, "Some")
      assert.deepStrictEqual((yield* basesOf(common, "other")).map(({ commit }) => commit), [other])
      assert.isTrue(yield* isAhead(common, [base], other))
      assert.isFalse(yield* isAhead(common, [base], first))
      assert.isTrue(yield* isMerged(common, [base], first))
      assert.isFalse(yield* isMerged(common, [base], other))
      assert.isFalse(yield* isMerged(common, [base], missing))
      assert.isFalse(yield* isMerged(common, [missing], other))
      yield* git(common, "rev-parse", "--verify", "--quiet", `${missing}^{tree}`)
      yield* git(common, "merge-base", base, missing)
      yield* git(user.work, "ls-files", "--error-unmatch", "--", "file")
      assert.isFalse(hasRun())
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

  it.live(
    "is not where the daemon stands that an agent's start there started: a token's command sees nothing of it",
    () =>
      Effect.gen(function*() {
        const { hasRun, user } = yield* hostile
        const dataDir = join(user.home, "data")
        const asked = join(user.home, "asked")
        // As many fetch a token: git asks the helpers of the repository that it stands in, too.
        const command =
          `printf 'protocol=https\\nhost=git.example.com\\n\\n' | git credential fill; pwd > ${asked}; echo token`
        const settings = { relay: { url: "http://127.0.0.1:9/mcp" }, listen: { port: 0 }, token: { command } }
        writeFileSync(join(user.work, "holdfast.json"), JSON.stringify(settings))
        const holdfast = (...words: ReadonlyArray<string>) => user.run(process.execPath, [holdfastFile, ...words])
        const options = ["--data-dir", "../data", "--config", "holdfast.json"]
        yield* Effect.addFinalizer(() => holdfast("stop", ...options))
        const started = yield* holdfast("exec", ...options, "--", "true")
        assert.strictEqual(started.code, 0, started.err)
        yield* eventually("the command ran", Effect.sync(() => existsSync(asked)), (is) => is)
        assert.isFalse(hasRun())
        assert.strictEqual(readFileSync(asked, "utf8").trim(), realpathSync(dataDir))
      }),
    60_000
  )
})
