/** The drill with marked secrets, at full debug logging: none of them is anywhere but where it belongs. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TestRelay } from "../relay/TestRelay.ts"
import { Clients } from "../support/Clients.ts"
import { Daemon } from "../support/Daemon.ts"
import { eventually } from "../support/eventually.ts"
import { type Answer, httpServer } from "../token/httpServer.ts"
import { assertLedger, send } from "./drill.ts"

const mark = (what: string) => `MARKED-${what}-0123456789abcdef`
const secrets = {
  agent: mark("agent"),
  mintKey: mark("mint-key"),
  first: mark("relay-first"),
  second: mark("relay-second"),
  git: mark("git"),
  /** In the daemon's environment, though another source is named. */
  unused: mark("unused")
}

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-leak-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Every file of the data directory, by name. */
const filesIn = (path: string): ReadonlyArray<readonly [string, string]> =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => [name, readFileSync(join(path, name), "latin1")])

const tokenAnswer = (body: string): Answer => ({ body: { token: body, expiresAt: "2100-01-01T00:00:00Z" } })

describe("secrets", () => {
  it.live("are found nowhere but where they belong", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const relay = yield* TestRelay.start({ tokens: { [secrets.first]: { agent: "a" } } })
      const minted = { answer: tokenAnswer(secrets.first) }
      const mint = yield* httpServer(() => minted.answer)
      const configuration = join(home, "holdfast.json")
      const leakFile = join(home, "environment")
      writeFileSync(
        configuration,
        JSON.stringify({
          log: { level: "debug", format: "json" },
          token: { url: { url: `${mint.origin}/mint?for=a`, headers: { Authorization: "Bearer {env:MINT_KEY}" } } },
          credentials: {
            git: { hosts: ["git.example.com"], token: { command: `env > '${leakFile}'; echo ${secrets.git}` } }
          }
        })
      )
      const dataDir = join(home, "data")
      mkdirSync(dataDir, { mode: 0o700 })
      writeFileSync(join(dataDir, "agent-secret"), secrets.agent, { mode: 0o600 })
      const daemon = yield* Daemon.start({
        relayUrl: relay.url,
        dataDir,
        env: { HOLDFAST_CONFIG: configuration, HOLDFAST_RELAY_TOKEN: secrets.unused, MINT_KEY: secrets.mintKey }
      })
      const heard: Array<string> = []
      const hear = <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.result(self).pipe(Effect.map((result) => heard.push(JSON.stringify(result), String(result))))
      const ask = (path: string, secret?: string, body?: unknown) =>
        Effect.promise(async () => {
          const response = await fetch(new URL(path, daemon.url), {
            method: body === undefined ? "GET" : "POST",
            headers: {
              ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
              ...(body === undefined ? {} : { "content-type": "application/json" })
            },
            body: body === undefined ? null : JSON.stringify(body)
          })
          return `${JSON.stringify([...response.headers])}${await response.text()}`
        })

      // A live call; a refused token with a mint that fails and echoes what it was sent; a token that rotates.
      const client = yield* Clients.sdk(daemon.url, { secret: secrets.agent })
      yield* hear(send(client, "one"))
      minted.answer = { status: 500, body: { error: `no token for ${secrets.mintKey}` } }
      yield* relay.control.setTokens({ [secrets.second]: { agent: "a" } })
      yield* hear(client.call("echo", { text: "refused" }))
      yield* hear(client.tools)
      const failing = yield* daemon.command("token", "show")
      assert.include(failing.stdout, "HTTP 500")
      minted.answer = tokenAnswer(secrets.second)
      heard.push((yield* daemon.command("token", "refresh")).stdout)
      // An outage, a queued message, and its delivery.
      yield* relay.kill
      yield* hear(send(client, "two"))
      yield* relay.restart({ tokens: { [secrets.second]: { agent: "a" } } })
      yield* assertLedger(relay, ["one", "two"])
      // Wrong secrets, wrong places.
      heard.push(yield* ask("/mcp", "wrong", { jsonrpc: "2.0", id: 1, method: "ping" }))
      heard.push(yield* ask("/api/status", "wrong"))

      const admin = readFileSync(join(daemon.dataDir, "admin-secret"), "utf8").trim()
      const credential = yield* ask("/api/credentials/get", admin, { protocol: "https", host: "git.example.com" })
      assert.include(credential, secrets.git)
      heard.push(yield* ask("/api/credentials/get", admin, { protocol: "https", host: "evil.example.com" }))
      for (
        const path of [
          "/metrics",
          "/healthz",
          "/readyz",
          "/api/status",
          "/api/token?agent=default",
          "/api/credentials",
          "/api/tools?agent=default",
          "/api/outbox",
          "/api/agents",
          "/api/context?agent=default"
        ]
      ) heard.push(yield* ask(path, path.startsWith("/api") ? admin : undefined))
      for (
        const command of [["status", "--json"], ["token", "show", "--json"], ["outbox", "list", "--state", "delivered"]]
      ) {
        heard.push((yield* daemon.command(...command)).stdout)
      }
      const pid = yield* daemon.pid
      if (existsSync(`/proc/${pid}/cmdline`)) heard.push(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
      yield* eventually("a line of debugging", daemon.stderr, (text) => text.includes("\"DEBUG\""))
      heard.push(yield* daemon.stdout, yield* daemon.stderr)
      const environment = readFileSync(leakFile, "utf8")

      const everywhere: ReadonlyArray<readonly [string, string]> = [
        ...heard.map((text, index) => [`heard ${index}`, text] as const),
        ...filesIn(daemon.dataDir).filter(([name]) => name !== "admin-secret" && name !== "agent-secret")
      ]
      for (const [where, text] of everywhere) {
        for (const secret of [...Object.values(secrets), admin]) {
          assert.isFalse(text.includes(secret), `${secret} in ${where}: ${text.slice(0, 2000)}`)
        }
      }

      // Each host sees its own and nobody else's.
      const relaySaw = JSON.stringify(yield* relay.requests)
      for (const other of [secrets.agent, secrets.mintKey, secrets.git, secrets.unused, admin]) {
        assert.notInclude(relaySaw, other)
      }
      const mintSaw = JSON.stringify(mint.asked)
      for (const other of [secrets.agent, secrets.first, secrets.second, secrets.git, admin]) {
        assert.notInclude(mintSaw, other)
      }
      assert.include(mintSaw, secrets.mintKey)
      // A source's command inherits the user's environment, but nothing of ours.
      for (const other of [secrets.agent, secrets.unused, admin]) {
        assert.notInclude(environment, other)
      }
    }), 90_000)
})
