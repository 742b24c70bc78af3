/** Links that a checkout brings, or a neighbour lays, where Holdfast writes other programs' files. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { borrow } from "../../../src/clients/TemporaryEntry.ts"
import * as UserFile from "../../../src/storage/UserFile.ts"
import { type Scratch, scratch } from "../../support/agents/scratch.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { run } from "../../support/Program.ts"

const keys = "ssh-ed25519 mine\n"
const text = JSON.stringify({ mcpServers: { docs: { type: "http", url: "https://docs.test/mcp" } } })

/** Keys that a link of the checkout's would like to have written. */
const withKeys = Effect.map(scratch, (home) => ({ home, authorized: home.write(keys, ".ssh", "authorized_keys") }))

const wrap = (home: Scratch, file: string) => run(["wrap", "--yes", file], home.environment)

describe("a link that a checkout brings", () => {
  it.live("in the place of what unwrap keeps, or of a draft, gets nothing written", () =>
    Effect.gen(function*() {
      const { authorized, home } = yield* withKeys
      const file = home.write(text, "project", ".mcp.json")
      assert.strictEqual((yield* wrap(home, file)).code, 0)
      symlinkSync(authorized, `${file}.before-holdfast`)
      symlinkSync(authorized, `${file}.holdfast`)
      writeFileSync(file, `${readFileSync(file, "utf8")}\n`)
      assert.strictEqual((yield* run(["unwrap", file], home.environment)).code, 1)
      assert.strictEqual(readFileSync(authorized, "utf8"), keys)
      assert.isTrue(lstatSync(`${file}.before-holdfast`).isSymbolicLink())
    }), 60_000)

  it.live(
    "in the place of the file itself is refused by wrap, and by unwrap where it came later",
    () =>
      Effect.gen(function*() {
        const { home } = yield* withKeys
        const real = home.write(text, "mine", ".mcp.json")
        mkdirSync(home.file("project"))
        const link = home.file("project", ".mcp.json")
        symlinkSync(real, link)
        const refused = yield* wrap(home, link)
        assert.strictEqual(refused.code, 1)
        assert.include(refused.stderr, "symbolic link")
        assert.strictEqual(readFileSync(real, "utf8"), text)

        assert.strictEqual((yield* wrap(home, real)).code, 0)
        const wrapped = readFileSync(real, "utf8")
        const elsewhere = home.write(wrapped, "elsewhere")
        symlinkSync(elsewhere, `${real}.link`)
        renameSync(`${real}.link`, real)
        const later = yield* run(["unwrap", real], home.environment)
        assert.strictEqual(later.code, 1)
        assert.include(later.stderr, "symbolic link")
        assert.strictEqual(readFileSync(elsewhere, "utf8"), wrapped)
      }),
    60_000
  )

  it.live(
    "in the place of a repository's git configuration, or of a draft of it, gets nothing written",
    () =>
      Effect.gen(function*() {
        const user = yield* userHome
        const configuration = join(user.home, "holdfast.json")
        const credentials = { mine: { hosts: ["git.example.com"], token: { command: "echo token" } } }
        writeFileSync(configuration, JSON.stringify({ credentials }))
        const target = join(user.home, "authorized_keys")
        const holdfast = (...args: ReadonlyArray<string>) =>
          user.run(process.execPath, [
            holdfastFile,
            "credential",
            ...args,
            "--repository",
            "--data-dir",
            join(user.home, "data"),
            "--config",
            configuration
          ])
        yield* user.git("init", "-q", ".")
        const config = join(user.work, ".git", "config")
        writeFileSync(target, keys)
        symlinkSync(target, `${config}.holdfast`)
        assert.strictEqual((yield* holdfast("install")).code, 0)
        assert.strictEqual((yield* holdfast("uninstall")).code, 0)
        assert.strictEqual(readFileSync(target, "utf8"), keys)

        const moved = join(user.home, "gitconfig")
        renameSync(config, moved)
        symlinkSync(moved, config)
        const before = readFileSync(moved, "utf8")
        assert.strictEqual((yield* holdfast("install")).code, 1)
        assert.strictEqual(readFileSync(moved, "utf8"), before)
      }),
    60_000
  )

  it.live("in the place of a file that exec lends an entry to is refused", () =>
    Effect.gen(function*() {
      const { home } = yield* withKeys
      const target = home.write("{}", "target.json")
      const file = home.file(".cursor", "mcp.json")
      mkdirSync(home.file(".cursor"))
      mkdirSync(home.file("data"))
      symlinkSync(target, file)
      const entry = { file, path: ["mcpServers", "holdfast"], value: { url: "http://127.0.0.1:4851/mcp" } }
      const refused = yield* Effect.flip(borrow([entry], home.file("data")))
      assert.include(refused.message, "symbolic link")
      assert.strictEqual(readFileSync(target, "utf8"), "{}")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})

describe("a file of the user's", () => {
  it.live.each([0o600, 0o640, 0o644])("keeps its mode, %o, when it is replaced", (mode) =>
    Effect.gen(function*() {
      const home = yield* scratch
      const file = home.write("before", "file")
      chmodSync(file, mode)
      yield* UserFile.replace(file, "after")
      assert.strictEqual(readFileSync(file, "utf8"), "after")
      assert.strictEqual(statSync(file).mode & 0o777, mode)
      assert.deepStrictEqual(readdirSync(home.path), ["file"])
    }))

  it.live.skipIf(process.getuid?.() !== 0)(
    "of another user is neither read nor written, and a group is kept",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const file = home.write("theirs", "file")
        chownSync(file, 65534, 65534)
        assert.include((yield* Effect.flip(UserFile.read(file))).message, "belongs to another user")
        assert.include((yield* Effect.flip(UserFile.replace(file, "x"))).message, "belongs to another user")
        assert.include((yield* Effect.flip(UserFile.remove(file))).message, "belongs to another user")
        chownSync(file, 0, 65534)
        yield* UserFile.replace(file, "ours")
        assert.strictEqual(statSync(file).gid, 65534)
      })
  )

  it.live("that is a directory, a pipe or a link to nothing is refused, and nobody waits for it", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      mkdirSync(home.file("directory"))
      symlinkSync(home.file("nothing"), home.file("link"))
      execFileSync("mkfifo", [home.file("pipe")])
      for (const name of ["directory", "pipe", "link"]) {
        yield* Effect.flip(UserFile.read(home.file(name)))
        yield* Effect.flip(UserFile.replace(home.file(name), "x"))
        yield* Effect.flip(UserFile.remove(home.file(name)))
      }
      assert.isFalse(existsSync(home.file("nothing")))
      assert.deepStrictEqual(yield* UserFile.read(home.file("nothing")), Option.none())
    }))

  it.live("whose text goes into Holdfast's configuration is no easier to read there", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      const file = home.write(text.replace("/mcp\"", "/mcp?key=s3cret\""), ".mcp.json")
      chmodSync(file, 0o600)
      const own = home.write("{}", ".config", "holdfast", "holdfast.json")
      chmodSync(own, 0o644)
      assert.strictEqual((yield* wrap(home, file)).code, 0)
      assert.include(readFileSync(own, "utf8"), "s3cret")
      assert.strictEqual(statSync(own).mode & 0o777, 0o600)
    }), 60_000)
})
