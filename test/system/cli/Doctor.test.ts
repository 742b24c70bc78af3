/** `holdfast doctor` beside real daemons: what is well, what is not, and what to do about it. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Schema } from "effect"
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import type { RelayView } from "../../../src/admin/StatusView.ts"
import { type Check, Report } from "../../../src/cli/doctor/Check.ts"
import { outbox } from "../../../src/cli/doctor/outbox.ts"
import { settingsFrom } from "../../../src/config/Settings.ts"
import { defaultRelay } from "../../../src/domain/Ids.ts"
import { Daemon, type DaemonOptions } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { userHome } from "../../support/git/userHome.ts"
import { run } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import * as Terminal from "../../support/Terminal.ts"
import { type Answer, httpServer } from "../../support/token/httpServer.ts"

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Report), { onExcessProperty: "error" })

/** Asked in this process, which is quicker, where the user's own configuration and environment do not count. */
const ask = Effect.fnUntraced(function*(dataDir: string) {
  const ended = yield* Terminal.run(dataDir, "doctor", "--json")
  const report = yield* decode(ended.out)
  assert.strictEqual(ended.code, report.ok ? 0 : 1)
  return { ...report, err: ended.err, check: named(report.checks) }
})

/** A user with a home of its own, whose daemon is configured so; `doctor` is asked for its document. */
const stage = Effect.fnUntraced(function*(configuration: object, options: DaemonOptions = {}) {
  const user = yield* userHome
  const file = join(user.home, "holdfast.json")
  writeFileSync(file, JSON.stringify(configuration))
  const noTokens = { GH_TOKEN: "", GITHUB_TOKEN: "", GH_ENTERPRISE_TOKEN: "", GITHUB_ENTERPRISE_TOKEN: "" }
  const env = { HOME: user.home, HOLDFAST_CONFIG: file, GIT_CONFIG_NOSYSTEM: "1", ...noTokens }
  const dataDir = join(user.home, "data")
  const doctor = (more: Record<string, string> = {}, ...args: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const ended = yield* run(["doctor", "--json", "--data-dir", dataDir, ...args], { ...env, ...more })
      const report = yield* decode(ended.stdout)
      assert.strictEqual(ended.code, report.ok ? 0 : 1)
      return { ...report, stdout: ended.stdout, stderr: ended.stderr, check: named(report.checks) }
    })
  const daemon = Daemon.start({ ...options, env: { ...env, ...options.env }, dataDir })
  return { user, env, dataDir, doctor, daemon, file }
})

const named = (checks: ReadonlyArray<Check>) => (name: string): Check => {
  const found = checks.find((check) => check.name === name)
  assert.isDefined(found, `no check "${name}" in ${checks.map((check) => check.name).join(", ")}`)
  return found
}

const problems = (checks: ReadonlyArray<Check>) =>
  checks.filter(({ state }) => state === "problem").map(({ name }) => name)

describe("holdfast doctor", () => {
  it.live("finds each link well, in one line each, and ends with 0", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { t: { agent: "a" } } })
      const { dataDir, url } = yield* Daemon.start({ relayUrl: relay.url, token: "t" })
      const { check, checks } = yield* eventually("all to be well", ask(dataDir), ({ ok }) => ok)
      assert.deepStrictEqual(checks.map(({ name }) => name), [
        "configuration",
        "data directory",
        "daemon",
        "endpoint",
        "relay default",
        "token default/default",
        "outbox default",
        "git helper",
        "environment"
      ])
      assert.include(check("data directory").found, "0700")
      assert.include(check("daemon").found, url)
      assert.include(check("endpoint").found, "takes the agent's secret")
      assert.match(check("token default/default").found, /^valid \(environment/)
      const { code, out } = yield* Terminal.run(dataDir, "doctor")
      assert.strictEqual(code, 0)
      assert.strictEqual(out.split("\n").length, checks.length)
      assert.isTrue(out.split("\n").every((line) => line.startsWith("ok ")))
    }))

  it.live(
    "says that the relay is away, why, how often it was tried and when it is tried next",
    () =>
      Effect.gen(function*() {
        const { daemon, dataDir, doctor, env } = yield* stage({}, { relayUrl: "http://127.0.0.1:9/mcp" })
        yield* daemon
        const { check, checks, stderr } = yield* eventually(
          "the relay to be seen down",
          doctor(),
          ({ checks }) => problems(checks).includes("relay default")
        )
        assert.deepStrictEqual(problems(checks), ["relay default"])
        assert.match(check("relay default").found, /down for \d+ s, tried \d+ times, next in \d+ s: .*ECONNREFUSED/)
        assert.match(check("relay default").remedy ?? "", /by itself/)
        assert.include(check("endpoint").found, "relay default is down")
        assert.include(stderr, "1 problem")
        const plain = yield* run(["doctor", "--data-dir", dataDir], env)
        assert.strictEqual(plain.code, 1)
        assert.match(plain.stdout, /^problem {2}relay default: .*; do: look at the relay/m)
      })
  )

  it.live(
    "shows what a token's source said when it refused: status, code, hint, attempt and the next try",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ tokens: { t: { agent: "a" } } })
        const refusal: Answer = { status: 401, body: { code: "INVALID_WORKSPACE_TOKEN", hint: "renew the workspace" } }
        const given = { answer: refusal }
        const mint = yield* httpServer(() => given.answer)
        const { dataDir } = yield* Daemon.start({
          relayUrl: relay.url,
          env: { HOLDFAST_TOKEN_URL: `${mint.origin}/mint` }
        })
        const refresh = Terminal.run(dataDir, "token", "refresh")
        const rejected = yield* eventually(
          "the token to be refused",
          ask(dataDir),
          ({ checks }) => problems(checks).includes("token default/default")
        )
        const { found, remedy } = rejected.check("token default/default")
        assert.match(
          found,
          /^rejected .*HTTP 401 INVALID_WORKSPACE_TOKEN, renew the workspace; attempt \d+, next in 4 min/
        )
        assert.include(remedy ?? "", "holdfast token refresh")
        given.answer = { status: 503, body: "" }
        yield* refresh
        const failing = (yield* ask(dataDir)).check("token default/default")
        assert.match(failing.found, /^failing .*HTTP 503.*attempt 1, next in \d+ s/)
        assert.include(failing.remedy ?? "", "asked again by itself")
        given.answer = { body: { token: "t" } }
        yield* refresh
        assert.strictEqual((yield* ask(dataDir)).check("token default/default").state, "ok")
      })
  )

  it.live(
    "without a daemon says so, and that another program has its port; a killed one is told apart",
    () =>
      Effect.gen(function*() {
        const { daemon, dataDir, doctor, file } = yield* stage({}, { relayUrl: "http://127.0.0.1:9/mcp" })
        const port = yield* Effect.acquireRelease(
          Effect.callback<readonly [number, () => void]>((resume) => {
            const server = createServer().listen(0, "127.0.0.1", () => {
              const address = server.address()
              const port = typeof address === "object" && address !== null ? address.port : 0
              resume(Effect.succeed([port, () => server.close()]))
            })
          }),
          ([, close]) => Effect.sync(close)
        ).pipe(Effect.map(([port]) => port))
        const none = yield* doctor({ HOLDFAST_PORT: String(port) })
        assert.deepStrictEqual(problems(none.checks), ["daemon", "endpoint"])
        assert.match(none.check("daemon").found, /none runs on/)
        assert.match(none.check("daemon").remedy ?? "", /holdfast serve --relay URL/)
        assert.include(none.check("endpoint").found, `another program has 127.0.0.1:${port}`)
        assert.strictEqual(none.check("token").state, "unknown")

        const running = yield* daemon
        yield* running.kill
        assert.match((yield* doctor()).check("daemon").found, /process \d+, which is gone: it was killed/)

        writeFileSync(file, "{ \"relay\": { \"uri\": 1 } }")
        const bad = yield* doctor()
        assert.include(bad.check("configuration").found, "relay.uri is not a setting")
        assert.strictEqual(bad.check("git helper").state, "unknown")
        chmodSync(join(dataDir, "agent-secret"), 0o644)
        const open = (yield* doctor()).check("data directory")
        assert.include(open.found, join(dataDir, "agent-secret"))
        assert.match(open.remedy ?? "", /^chmod go= /)
      })
  )

  it.live(
    "finds what needs a person: a secret that is not the daemon's, git that does not ask, a stale GH_TOKEN",
    () =>
      Effect.gen(function*() {
        const source = { command: "echo '{\"code\": \"NO_GITHUB_APP\"}' >&2; exit 1" }
        const credentials = { github: { provider: "github", token: source } }
        const { daemon, dataDir, doctor, env } = yield* stage({ credentials }, {
          relayUrl: "http://127.0.0.1:9/mcp"
        })
        const running = yield* daemon
        const first = yield* doctor({ HOLDFAST_AGENT_SECRET: "another", GH_TOKEN: "stale-token" })
        assert.include(first.check("endpoint").found, "refuses the secret in HOLDFAST_AGENT_SECRET")
        assert.include(first.check("git helper").found, "https://github.com")
        assert.include(first.check("git helper").remedy ?? "", "holdfast credential install")
        assert.include(first.check("environment").found, "GH_TOKEN")
        assert.notInclude(first.stdout, "stale-token")
        assert.notInclude(first.stdout, "another,")

        yield* run(["credential", "install", "--data-dir", dataDir], env)
        const admin = readFileSync(join(dataDir, "admin-secret"), "utf8").trim()
        yield* Effect.promise(() =>
          fetch(new URL("/api/credentials/get", running.url), {
            method: "POST",
            headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
            body: JSON.stringify({ protocol: "https", host: "github.com" })
          })
        )
        const second = yield* doctor()
        assert.strictEqual(second.check("git helper").state, "ok", second.stdout)
        assert.strictEqual(second.check("environment").state, "ok")
        assert.match(second.check("credential github").found, /github.com: failing .*NO_GITHUB_APP/)
      })
  )
})

describe("doctor, of a queue", () => {
  const bounds = settingsFrom({ outbox: { maxEntries: 100, maxBytes: "1 MiB" } }).outbox
  const now = DateTime.makeUnsafe(120_000)
  const empty = { pending: 0, inflight: 0, held: 0, dead: 0, delivered: 0, bytes: 0, oldestAt: null, writable: true }
  const look = (stats: Partial<RelayView["outbox"]>) =>
    outbox(
      {
        id: defaultRelay,
        url: "http://127.0.0.1:9/mcp",
        link: { state: "up", since: now },
        tokens: [],
        outbox: { ...empty, ...stats },
        pinnedTools: null,
        sessions: { count: 0, streams: 0 }
      },
      bounds,
      now
    )

  it("is well while calls only wait, and says since when", () => {
    const { found, state } = look({ pending: 3, oldestAt: DateTime.makeUnsafe(0) })
    assert.strictEqual(state, "ok")
    assert.include(found, "3 pending, 0 in flight, 0 held, 0 dead, oldest 2 min")
  })

  it("names what to do about dead letters, held ones, a queue nearly full and a disk that refuses writes", () => {
    assert.include(look({ dead: 1 }).remedy ?? "", "--state dead")
    assert.include(look({ held: 1 }).remedy ?? "", "--state held")
    assert.include(look({ pending: 90 }).found, "90 % full")
    assert.include(look({ pending: 1, bytes: 2 ** 20 }).found, "100 % full")
    assert.include(look({ writable: false }).remedy ?? "", "free some space")
  })
})
