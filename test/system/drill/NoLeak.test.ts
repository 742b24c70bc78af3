/** The drill with marked secrets, at full debug logging: none of them is anywhere but where it belongs. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import * as Terminal from "../../support/Terminal.ts"
import { type Answer, httpServer } from "../../support/token/httpServer.ts"

const mark = (what: string) => `MARKED-${what}-0123456789abcdef`
const secrets = {
  agent: mark("agent"),
  mintKey: mark("mint-key"),
  first: mark("relay-first"),
  second: mark("relay-second"),
  git: mark("git"),
  /** In the daemon's environment, though another source is named. */
  unused: mark("unused"),
  /** Of a client of an OAuth server, by itself and for a person's login. */
  oauthClient: mark("oauth-client"),
  loginClient: mark("login-client"),
  access: mark("access"),
  refresh: mark("refresh"),
  rotated: mark("rotated"),
  /** Of the collector of traces. */
  collector: mark("collector")
}

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-leak-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The stores made for secrets. */
const own = ["admin-secret", "agent-secret", "login-person.json"]

/** Every file of the data directory, by name. */
const filesIn = (path: string): ReadonlyArray<readonly [string, string]> =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => [name, readFileSync(join(path, name), "latin1")])

/** Basic authentication holds its secret in another form. */
const base64 = (text: string) => Buffer.from(text).toString("base64")

/** An authorization server, and two relays that take nothing from it; all of them echo whatever they are sent. */
const oauth = httpServer(({ body, headers, path }, origin): Answer => {
  const echo = { error: "server_error", error_description: `${headers.authorization ?? ""} ${body}` }
  if (path !== "/token") {
    return {
      status: 401,
      headers: {
        "www-authenticate": `Bearer error="${headers.authorization ?? "none"}", resource_metadata="${origin}/m"`
      },
      body: echo
    }
  }
  if (!body.includes("grant_type=refresh_token")) return { status: 400, body: { ...echo, error: "invalid_client" } }
  const first = body.includes(secrets.refresh)
  return first
    ? { body: { access_token: secrets.access, refresh_token: secrets.rotated, expires_in: 3600 } }
    : { status: 500, body: echo }
})

const loginAt = (origin: string) =>
  JSON.stringify({
    issuer: origin,
    tokenEndpoint: `${origin}/token`,
    clientId: "me",
    clientSecret: secrets.loginClient,
    resource: `${origin}/login`,
    id: "login",
    refreshToken: secrets.refresh,
    accessToken: mark("ended"),
    expiresAt: 1
  })

const tokenAnswer = (body: string): Answer => ({ body: { token: body, expiresAt: "2100-01-01T00:00:00Z" } })

describe("secrets", () => {
  it.live("are found nowhere but where they belong", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const relay = yield* TestRelay.start({ tokens: { [secrets.first]: { agent: "a" } } })
      const minted = { answer: tokenAnswer(secrets.first) }
      const mint = yield* httpServer(() => minted.answer)
      const authorization = yield* oauth
      const collector = yield* httpServer(() => ({ body: {} }))
      const configuration = join(home, "holdfast.json")
      const leakFile = join(home, "environment")
      writeFileSync(
        configuration,
        JSON.stringify({
          log: { level: "debug", format: "json" },
          token: { url: { url: `${mint.origin}/mint?for=a`, headers: { Authorization: "Bearer {env:MINT_KEY}" } } },
          relays: {
            program: {
              url: `${authorization.origin}/program`,
              token: {
                oauth: {
                  clientId: "me",
                  clientSecret: secrets.oauthClient,
                  tokenEndpoint: `${authorization.origin}/token`
                }
              }
            },
            person: { url: `${authorization.origin}/login` }
          },
          credentials: {
            git: { hosts: ["git.example.com"], token: { command: `env > '${leakFile}'; echo ${secrets.git}` } }
          }
        })
      )
      const dataDir = join(home, "data")
      mkdirSync(dataDir, { mode: 0o700 })
      writeFileSync(join(dataDir, "agent-secret"), secrets.agent, { mode: 0o600 })
      writeFileSync(join(dataDir, "login-person.json"), loginAt(authorization.origin), { mode: 0o600 })
      const daemon = yield* Daemon.start({
        relayUrl: relay.url,
        dataDir,
        env: {
          HOLDFAST_CONFIG: configuration,
          HOLDFAST_RELAY_TOKEN: secrets.unused,
          MINT_KEY: secrets.mintKey,
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secrets.collector}`,
          OTEL_BSP_SCHEDULE_DELAY: "200"
        }
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
      const failing = yield* Terminal.run(dataDir, "token", "show")
      assert.include(failing.out, "HTTP 500")
      minted.answer = tokenAnswer(secrets.second)
      heard.push((yield* Terminal.run(dataDir, "token", "refresh")).out)
      // An outage, a queued message, and its delivery.
      yield* relay.kill
      yield* hear(send(client, "two"))
      yield* relay.restart({ tokens: { [secrets.second]: { agent: "a" } } })
      yield* assertLedger(relay, ["one", "two"])
      // Tokens of an OAuth client and of a login, refused by relays and by a server that echo them.
      for (const name of ["program", "person"]) {
        const other = yield* Clients.sdk(`${daemon.url}/${name}`, { secret: secrets.agent })
        yield* hear(other.call("echo", { text: "refused" }))
        yield* hear(other.tools)
      }
      yield* eventually(
        "the login to be renewed, and refused",
        Effect.sync(() => authorization.asked.map(({ body }) => body).join()),
        (bodies) => bodies.includes(secrets.rotated)
      )
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
        const command of [["status"], ["status", "--json"], ["token", "show"], [
          "outbox",
          "list",
          "--state",
          "delivered"
        ], ["doctor"]]
      ) {
        const { err, out } = yield* Terminal.run(dataDir, ...command)
        heard.push(out, err)
      }
      const pid = yield* daemon.pid
      if (existsSync(`/proc/${pid}/cmdline`)) heard.push(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
      yield* eventually("a line of debugging", daemon.stderr, (text) => text.includes("\"debug\""))
      heard.push(yield* daemon.stdout, yield* daemon.stderr)
      const environment = readFileSync(leakFile, "utf8")
      yield* eventually(
        "a trace of a call",
        Effect.sync(() => collector.asked.map(({ body }) => body).join()),
        (bodies) => bodies.includes("tools/call relay_send_message") && bodies.includes("POST relay person")
      )

      const everywhere: ReadonlyArray<readonly [string, string]> = [
        ...heard.map((text, index) => [`heard ${index}`, text] as const),
        ...collector.asked.map(({ body }, index) => [`trace ${index}`, body] as const),
        ...filesIn(daemon.dataDir).filter(([name]) => !own.includes(name))
      ]
      const basic = [secrets.oauthClient, secrets.loginClient].map((secret) => base64(`me:${secret}`))
      for (const [where, text] of everywhere) {
        for (const secret of [...Object.values(secrets), ...basic, admin]) {
          assert.isFalse(text.includes(secret), `${secret} in ${where}: ${text.slice(0, 2000)}`)
        }
      }

      // Each host sees its own and nobody else's.
      const relaySaw = JSON.stringify(yield* relay.requests)
      const { first, second, ...notOfRelay } = secrets
      for (const other of [...Object.values(notOfRelay), admin]) assert.notInclude(relaySaw, other)
      const { collector: _, ...notOfCollector } = secrets
      const collectorSaw = JSON.stringify(collector.asked)
      for (const other of [...Object.values(notOfCollector), admin]) assert.notInclude(collectorSaw, other)
      // A relay that is logged in to sees the access token, and what renews that goes to the server alone.
      const relaysSaw = JSON.stringify(authorization.asked.filter(({ path }) => path !== "/token"))
      assert.include(relaysSaw, secrets.access)
      const { access, ...notOfTheirs } = secrets
      for (const other of [...Object.values(notOfTheirs), ...basic, admin]) assert.notInclude(relaysSaw, other)
      const mintSaw = JSON.stringify(mint.asked)
      const { mintKey, ...notOfMint } = secrets
      for (const other of [...Object.values(notOfMint), admin]) assert.notInclude(mintSaw, other)
      assert.include(mintSaw, mintKey)
      // A source's command inherits the user's environment, but nothing of ours.
      for (
        const other of [
          secrets.agent,
          secrets.unused,
          secrets.refresh,
          secrets.oauthClient,
          first,
          second,
          access,
          admin
        ]
      ) {
        assert.notInclude(environment, other)
      }
    }))
})
