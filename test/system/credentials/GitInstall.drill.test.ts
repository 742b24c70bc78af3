/** What `holdfast credential install` does to a real git's configuration, and takes back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"

/** A user with a credential in the settings; no daemon is needed to install. */
const configured = Effect.gen(function*() {
  const user = yield* userHome
  const server = { origin: "https://git.example.com" }
  const configuration = join(user.home, "holdfast.json")
  const credentials = { mine: { hosts: ["git.example.com"], token: { command: "echo token" } } }
  writeFileSync(configuration, JSON.stringify({ credentials }))
  const dataDir = join(user.home, "data")
  const holdfast = (args: ReadonlyArray<string>) =>
    user.run(process.execPath, [
      holdfastFile,
      ...args,
      ...(args.includes("--data-dir") ? [] : ["--data-dir", dataDir]),
      "--config",
      configuration
    ])
  return { user, server, holdfast, dataDir }
})

describe("credential install and uninstall", () => {
  it.live(
    "restore the user's configuration byte for byte, with its mode, and refuse a link to it",
    () =>
      Effect.gen(function*() {
        const { holdfast, user } = yield* configured
        const before =
          "# mine\n[user]\n\tname = a ; b\n\n[credential \"https://github.com\"]\n  helper = mine\n[credential]\n"
        mkdirSync(join(user.home, "dotfiles"))
        const real = join(user.home, "dotfiles", "gitconfig")
        writeFileSync(real, before, { mode: 0o640 })
        symlinkSync(real, join(user.home, ".gitconfig"))
        const linked = yield* holdfast(["credential", "install"])
        assert.strictEqual(linked.code, 1)
        assert.include(linked.err, `symbolic link to ${real}`)
        assert.strictEqual(readFileSync(real, "utf8"), before)
        rmSync(join(user.home, ".gitconfig"))
        renameSync(real, join(user.home, ".gitconfig"))
        assert.strictEqual((yield* holdfast(["credential", "install"])).code, 0)
        assert.notStrictEqual(readFileSync(join(user.home, ".gitconfig"), "utf8"), before)
        // Once more changes nothing for the way back.
        assert.strictEqual((yield* holdfast(["credential", "install"])).code, 0)
        const done = yield* holdfast(["credential", "uninstall"])
        assert.include(done.out, "is as it was")
        assert.strictEqual(readFileSync(join(user.home, ".gitconfig"), "utf8"), before)
        assert.strictEqual(statSync(join(user.home, ".gitconfig")).mode & 0o777, 0o640)
        assert.include((yield* holdfast(["credential", "uninstall"])).out, "nothing of Holdfast's")
      })
  )

  it.live("leave no file behind where there was none", () =>
    Effect.gen(function*() {
      const { holdfast, user } = yield* configured
      yield* holdfast(["credential", "install"])
      yield* holdfast(["credential", "uninstall"])
      assert.isUndefined(statSync(join(user.home, ".gitconfig"), { throwIfNoEntry: false }))
    }))

  it.live("keep what was changed meanwhile, and take out Holdfast's lines alone", () =>
    Effect.gen(function*() {
      const { holdfast, server, user } = yield* configured
      const key = `credential.${server.origin}.helper`
      yield* user.git("config", "--global", key, "mine")
      yield* holdfast(["credential", "install"])
      yield* user.git("config", "--global", "user.name", "meanwhile")
      yield* user.git("config", "--global", "--add", key, "later")
      const done = yield* holdfast(["credential", "uninstall"])
      assert.include(done.out, "only Holdfast's lines")
      assert.strictEqual((yield* user.git("config", "--global", "--get-all", key)).out, "mine\nlater\n")
      assert.strictEqual((yield* user.git("config", "--global", "user.name")).out, "meanwhile\n")
    }))

  it.live("leave no empty section behind, also where a comment follows it, lines were taken out by hand or the host was changed", () =>
    Effect.gen(function*() {
      const { holdfast, server, user } = yield* configured
      const gitconfig = join(user.home, ".gitconfig")
      const mine = "[user]\n\tname = me\n"
      const later = "# a note of mine\n[core]\n\teditor = vi\n"
      const changes: ReadonlyArray<(text: string) => string> = [
        (text) => text,
        (text) => text.split("\n").filter((line) => !line.includes("helper")).join("\n"),
        (text) => text.replace(server.origin, "https://moved.example.com")
      ]
      for (const changed of changes) {
        writeFileSync(gitconfig, mine)
        yield* holdfast(["credential", "install"])
        writeFileSync(gitconfig, changed(readFileSync(gitconfig, "utf8")) + later)
        assert.include((yield* holdfast(["credential", "uninstall"])).out, "only Holdfast's lines")
        assert.strictEqual(readFileSync(gitconfig, "utf8"), mine + later)
      }
      const own = `[credential "${server.origin}"]\n`
      writeFileSync(gitconfig, own)
      yield* holdfast(["credential", "install"])
      writeFileSync(gitconfig, readFileSync(gitconfig, "utf8") + later)
      yield* holdfast(["credential", "uninstall"])
      assert.strictEqual(readFileSync(gitconfig, "utf8"), own + later, "what was there before stays")
    }))

  it.live("take out, and replace, the line that an older version wrote", () =>
    Effect.gen(function*() {
      const { dataDir, holdfast, server, user } = yield* configured
      const key = `credential.${server.origin}.helper`
      const gitconfig = join(user.home, ".gitconfig")
      const asInstalledBefore = Effect.gen(function*() {
        yield* user.git("config", "--global", "--unset-all", key)
        const values = ["", "!/bin/node /old/bin.js credential --data-dir /d"]
        for (const value of values) yield* user.git("config", "--global", "--add", key, value)
        const after = readFileSync(gitconfig).toString("base64")
        const record = [{ file: gitconfig, before: null, after, added: [{ key, values }] }]
        writeFileSync(join(dataDir, "git-helper.json"), JSON.stringify(record))
      })
      yield* holdfast(["credential", "install"])
      yield* asInstalledBefore
      yield* holdfast(["credential", "install"])
      const { out } = yield* user.git("config", "--global", "--get-all", key)
      assert.match(out, /^\n!f\(\) \{ case "\$1" in get\|erase\) exec .* credential --data-dir .*\n$/)
      yield* asInstalledBefore
      yield* user.git("config", "--global", "user.name", "meanwhile")
      assert.include((yield* holdfast(["credential", "uninstall"])).out, "only Holdfast's lines")
      assert.strictEqual((yield* user.git("config", "--global", "--get-all", key)).out, "")
      assert.strictEqual((yield* user.git("config", "--global", "user.name")).out, "meanwhile\n")
    }))

  it.live("write a line that the shell reads as it was meant, whatever the directory is called", () =>
    Effect.gen(function*() {
      const { holdfast, server, user } = yield* configured
      const odd = join(user.home, "it's \"a\" $HOME; # `dir`")
      yield* holdfast(["credential", "install", "--data-dir", odd])
      const asked = yield* user.run("git", ["credential", "fill"], {
        input: `protocol=https\nhost=${new URL(server.origin).host}\n`,
        env: { HOLDFAST_DEBUG: "credential" }
      })
      assert.include(asked.err, `no daemon of ours runs on ${odd}: no daemon announced itself`)
    }))

  it.live("set up one repository alone where that is asked for", () =>
    Effect.gen(function*() {
      const { holdfast, server, user } = yield* configured
      yield* user.git("init", "-q", ".")
      const config = join(user.work, ".git", "config")
      const before = readFileSync(config, "utf8")
      yield* holdfast(["credential", "install", "--repository"])
      assert.include(readFileSync(config, "utf8"), server.origin)
      assert.isUndefined(statSync(join(user.home, ".gitconfig"), { throwIfNoEntry: false }))
      yield* holdfast(["credential", "uninstall", "--repository"])
      assert.strictEqual(readFileSync(config, "utf8"), before)
    }))
})
