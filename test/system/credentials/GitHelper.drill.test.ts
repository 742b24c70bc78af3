/** The real git, a real server that asks for a token, a real daemon that mints one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Daemon } from "../../support/Daemon.ts"
import { gitServer } from "../../support/git/gitServer.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { type Answer, httpServer } from "../../support/token/httpServer.ts"

/** What is installed: it starts git's helper by itself. */
const commandFile = holdfastFile.replace(/main\.ts$/, "bin.ts")
const bundled = commandFile.endsWith(".js")

const nowhere = "http://127.0.0.1:9/mcp"

/** The 5 s that git is made to wait at most, and what a busy machine takes to start the command. */
const maxWait = 15_000

/** A git server, a mint, a daemon between them, and a user who has not installed anything yet. */
const stage = Effect.gen(function*() {
  const server = yield* gitServer
  const user = yield* userHome
  const tokens: { next: string; expiresIn: number; failure?: Answer; delay: number } = {
    next: "ghs_first",
    expiresIn: 3600,
    delay: 0
  }
  const mint = yield* httpServer(async () => {
    await sleep(tokens.delay)
    return tokens.failure ?? { body: { token: tokens.next, username: "x-access-token", expires_in: tokens.expiresIn } }
  })
  const configuration = join(user.home, "holdfast.json")
  writeFileSync(
    configuration,
    JSON.stringify({ credentials: { local: { hosts: [server.origin], token: { url: `${mint.origin}/mint` } } } })
  )
  const env = { HOLDFAST_CONFIG: configuration }
  const daemon = yield* Daemon.start({ relayUrl: nowhere, env })
  const holdfast = (args: ReadonlyArray<string>, options: Parameters<typeof user.run>[2] = {}) =>
    user.run(
      process.execPath,
      [holdfastFile, ...args, "--data-dir", daemon.dataDir, "--config", configuration],
      options
    )
  const ask = (operation: string, input: string, env: Record<string, string> = {}) =>
    holdfast(["credential", operation], { input, env })
  return { server, user, tokens, mint, daemon, holdfast, ask }
})

const commit = (user: Effect.Success<typeof userHome>, directory: string, text: string) =>
  Effect.gen(function*() {
    writeFileSync(join(directory, "file"), text)
    yield* user.git("-C", directory, "add", ".")
    yield* user.git("-C", directory, "commit", "-qm", text)
  })

describe("the credential helper", () => {
  it.live(
    "lets git clone, push and fetch from a host that asks for a token, with one mint for all",
    () =>
      Effect.gen(function*() {
        const { holdfast, mint, server, user } = yield* stage
        server.accepted.add("ghs_first")
        const without = yield* user.git("clone", server.url, "before")
        assert.notStrictEqual(without.code, 0)

        const installed = yield* holdfast(["credential", "install"])
        assert.strictEqual(installed.code, 0, installed.err)
        assert.include(installed.out, `credential.${server.origin}.helper`)
        const cloned = yield* user.git("clone", "-q", server.url, "clone")
        assert.strictEqual(cloned.code, 0, cloned.err)
        const directory = join(user.work, "clone")
        yield* commit(user, directory, "one")
        const pushed = yield* user.git("-C", directory, "push", "-q", "origin", "HEAD:main")
        assert.strictEqual(pushed.code, 0, pushed.err)
        assert.strictEqual((yield* user.git("-C", directory, "fetch", "-q")).code, 0)
        assert.lengthOf(mint.asked, 1)
        assert.deepStrictEqual([...new Set(server.shown)], ["x-access-token:ghs_first"])
      })
  )

  it.live(
    "has git's next command work after a token was refused, by one mint at once, and puts the user's own helper behind ours",
    () =>
      Effect.gen(function*() {
        const { holdfast, mint, server, tokens, user } = yield* stage
        const log = join(user.home, "keychain.log")
        const keychain = join(user.home, "keychain")
        writeFileSync(keychain, `#!/bin/sh\necho "$1" >> '${log}'\n`)
        chmodSync(keychain, 0o755)
        writeFileSync(log, "")
        yield* user.git("config", "--global", "credential.helper", keychain)
        yield* holdfast(["credential", "install"])

        const refused = yield* user.git("ls-remote", server.url)
        assert.notStrictEqual(refused.code, 0)
        tokens.next = "ghs_second"
        server.accepted.add("ghs_second")
        const soon = yield* user.git("ls-remote", server.url)
        assert.strictEqual(soon.code, 0, soon.err)
        assert.deepStrictEqual([...new Set(server.shown.slice(1))], ["x-access-token:ghs_second"])
        assert.lengthOf(mint.asked, 2)
        const { length } = server.shown

        // Revoked again at once: what was refused is not shown again, and the mint has 30 s of peace.
        server.accepted.delete("ghs_second")
        for (let attempt = 0; attempt < 3; attempt++) {
          assert.notStrictEqual((yield* user.git("ls-remote", server.url)).code, 0)
        }
        assert.deepStrictEqual(server.shown.slice(length), ["x-access-token:ghs_second"])
        assert.lengthOf(mint.asked, 2)
        // The keychain was asked where we were silent, and told neither to store nor to erase.
        assert.deepStrictEqual([...new Set(readFileSync(log, "utf8").trim().split("\n"))], ["get"])
      })
  )

  it.live(
    "speaks git's protocol: user name, expiry, an empty answer for everybody else's hosts, users and operations",
    () =>
      Effect.gen(function*() {
        const { ask, server } = yield* stage
        const host = new URL(server.origin).host
        const answer = yield* ask(
          "get",
          `capability[]=authtype\nprotocol=http\nhost=${host}\nwwwauth[]=Basic realm="git"\n\n`
        )
        assert.strictEqual(answer.code, 0, answer.err)
        const lines = answer.out.split("\n")
        assert.deepStrictEqual(lines.slice(0, 4), [
          "protocol=http",
          `host=${host}`,
          "username=x-access-token",
          "password=ghs_first"
        ])
        assert.match(lines[4] ?? "", /^password_expiry_utc=\d{10}$/)

        for (
          const [operation, input] of [
            ["get", "protocol=https\nhost=example.com\n"],
            ["get", `protocol=https\nhost=${host}\n`],
            ["get", `protocol=http\nhost=${host}\nusername=somebody-else\n`],
            ["get", "protocol=http\n"],
            ["get", ""],
            ["store", `protocol=http\nhost=${host}\nusername=x\npassword=y\n`],
            ["capability", ""]
          ] as const
        ) {
          assert.deepStrictEqual(yield* ask(operation, input), { code: 0, out: "", err: "" }, `${operation} ${input}`)
        }
      })
  )

  it.live(
    "starts no program for git's store, and for get and erase one that loads nothing but itself and Node's own",
    () =>
      Effect.gen(function*() {
        const { daemon, holdfast, server, user } = yield* stage
        yield* holdfast(["credential", "install"])
        const credential = (operation: string, input: string) =>
          user.run("git", ["credential", operation], { input, env: { HOLDFAST_DEBUG: "credential" } })
        const described = `protocol=http\nhost=${new URL(server.origin).host}\n`
        const filled = yield* credential("fill", described)
        assert.include(filled.out, "password=ghs_first")
        assert.include(filled.err, "holdfast credential: credential \"local\" answers")
        // It would explain itself.
        assert.deepStrictEqual(yield* credential("approve", filled.out), { code: 0, out: "", err: "" })
        const rejected = yield* credential("reject", filled.out)
        assert.include(rejected.err, "refused it: the next get asks for another")

        const watch = join(user.home, "watch.mjs")
        writeFileSync(
          watch,
          `import { registerHooks } from "node:module"
           registerHooks({ load: (url, context, next) => (process.stderr.write(url + "\\n"), next(url, context)) })`
        )
        const watched = yield* user.run(
          process.execPath,
          ["--import", watch, commandFile, "credential", "--data-dir", daemon.dataDir, "get"],
          { input: described }
        )
        assert.include(watched.out, "password=ghs_first")
        const loaded = watched.err.trim().split("\n").filter((url) => !url.startsWith("node:"))
        assert.isAbove(loaded.length, 1)
        for (const url of loaded) assert.notInclude(url, "node_modules", url)
        if (bundled) {
          assert.deepStrictEqual(loaded.map((url) => basename(url)), ["bin.js", "gitHelper.js"])
          assert.isBelow(statSync(join(dirname(commandFile), "gitHelper.js")).size, 20_000)
        }
      })
  )

  it.live("works from a clone as well, by the sources as they are", () =>
    Effect.gen(function*() {
      const { daemon, server, user } = yield* stage
      const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url))
      const places = ["--data-dir", daemon.dataDir, "--config", join(user.home, "holdfast.json")]
      const installed = yield* user.run(process.execPath, [main, "credential", "install", ...places])
      assert.include(installed.out, join("src", "bin.ts"), installed.err)
      const input = `protocol=http\nhost=${new URL(server.origin).host}\n`
      const filled = yield* user.run("git", ["credential", "fill"], { input })
      assert.include(filled.out, "password=ghs_first", filled.err)
    }))

  it.live(
    "asks the source once for all processes that come at the same time",
    () =>
      Effect.gen(function*() {
        const { daemon, mint, server, tokens } = yield* stage
        tokens.delay = 500
        // What each process asks of the daemon.
        const one = daemon.admin("/api/credentials/get", { protocol: "http", host: new URL(server.origin).host })
        const answers = yield* Effect.all([one, one, one], { concurrency: "unbounded" })
        for (const { body } of answers) assert.propertyVal(body, "password", "ghs_first")
        assert.lengthOf(mint.asked, 1)
      })
  )

  it.live(
    "explains each step on standard error where it is asked to, without the secret",
    () =>
      Effect.gen(function*() {
        const { ask, server } = yield* stage
        const input = `protocol=http\nhost=${new URL(server.origin).host}\n\n`
        for (const env of [{ HOLDFAST_DEBUG: "credential" }, { GH_CREDENTIAL_DEBUG: "1" }] as const) {
          const { err } = yield* ask("get", input, { ...env })
          assert.include(err, `git asks for ${server.origin}`)
          assert.include(err, "credential \"local\" answers")
          assert.notInclude(err, "ghs_first")
        }
        const other = yield* ask("get", "protocol=https\nhost=example.com\n", { HOLDFAST_DEBUG: "credential" })
        assert.include(other.err, "no credential is configured")
      })
  )

  it.live(
    "says there what the source said where it refuses: its status, code and hint, and to git nothing",
    () =>
      Effect.gen(function*() {
        const { ask, server, tokens } = yield* stage
        const body = { code: "NO_GITHUB_APP_CONNECTION", hint: "connect the app" }
        tokens.failure = { status: 404, body }
        const input = `protocol=http\nhost=${new URL(server.origin).host}\n\n`
        const { code, err, out } = yield* ask("get", input, { HOLDFAST_DEBUG: "credential" })
        assert.deepStrictEqual([code, out], [0, ""])
        assert.include(err, "connect the app (HTTP 404 NO_GITHUB_APP_CONNECTION)")
        assert.deepStrictEqual(yield* ask("get", input), { code: 0, out: "", err: "" })
      })
  )

  it.live(
    "is silent within 5 s where the source hangs, where there is no daemon, and where its settings are wrong",
    () =>
      Effect.gen(function*() {
        const user = yield* userHome
        const hanging = yield* httpServer(() => undefined)
        const configuration = join(user.home, "holdfast.json")
        const settings = { credentials: { local: { hosts: ["example.com"], token: { url: hanging.origin } } } }
        writeFileSync(configuration, JSON.stringify(settings))
        const daemon = yield* Daemon.start({ relayUrl: nowhere, env: { HOLDFAST_CONFIG: configuration } })
        const ask = (dataDir: string, env: Record<string, string> = {}) =>
          Effect.gen(function*() {
            const from = performance.now()
            const ran = yield* user.run(process.execPath, [holdfastFile, "credential", "get", "--data-dir", dataDir], {
              input: "protocol=https\nhost=example.com\n\n",
              env
            })
            assert.deepStrictEqual(ran, { code: 0, out: "", err: "" })
            return performance.now() - from
          })
        assert.isBelow(yield* ask(daemon.dataDir), maxWait)
        assert.isBelow(yield* ask(join(user.home, "nothing-here")), maxWait)
        assert.isBelow(yield* ask(daemon.dataDir, { HOLDFAST_NONSENSE: "1" }), maxWait)
      })
  )
})
