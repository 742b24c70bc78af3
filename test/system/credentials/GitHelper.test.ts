/** The real git, a real server that asks for a token, a real daemon that mints one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Daemon } from "../../support/Daemon.ts"
import { gitServer } from "../../support/git/gitServer.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { type Answer, httpServer } from "../../support/token/httpServer.ts"

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
    "has the next push work after a token was refused, and puts the user's own helper behind ours",
    () =>
      Effect.gen(function*() {
        const { holdfast, server, tokens, user } = yield* stage
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
        // What was refused was erased; a source is asked again at the earliest 30 s after the last time.
        const soon = yield* user.git("ls-remote", server.url)
        assert.notStrictEqual(soon.code, 0)
        assert.notInclude(server.shown.slice(1).join(), "ghs_first")
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
