/** A token that the relay refuses: it is known before an agent calls, and its source is not asked over and over. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { handshake, json, page, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import * as Terminal from "../../support/Terminal.ts"
import { httpServer } from "../../support/token/httpServer.ts"

const tokenOf = (daemon: Daemon) =>
  Effect.map(daemon.admin("/api/token?agent=default"), ({ body }) => (body as ReadonlyArray<TokenAsTold>)[0])

interface TokenAsTold {
  readonly state: string
  readonly lastError: { readonly code: string; readonly hint: string } | null
}

const readyz = (daemon: Daemon) =>
  Effect.promise(() => fetch(new URL("/readyz", daemon.url)).then((response) => response.json())) as Effect.Effect<{
    readonly ready: boolean
    readonly degraded: ReadonlyArray<string>
  }>

const stateIs = (daemon: Daemon, state: string) =>
  eventually(`the token to be ${state}`, tokenOf(daemon), (token) => token?.state === state)

const anonymous = { agent: "a", scopes: ["*"] }

describe("a token that the relay refuses", () => {
  it.live(
    "is told by status, doctor and readiness before any agent calls, and after a refresh that brings a good one no more",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ tokens: { good: anonymous } })
        const daemon = yield* Daemon.start({ relayUrl: relay.url, token: "wrong" })
        yield* stateIs(daemon, "rejected")
        assert.deepInclude((yield* tokenOf(daemon))?.lastError, {
          code: "refused",
          hint: "the relay refuses the token"
        })
        assert.deepStrictEqual(yield* readyz(daemon), {
          ready: true,
          degraded: ["the token of agent default at relay default is rejected by relay default"]
        })
        for (const command of ["status", "doctor"]) {
          const { out } = yield* Terminal.run(daemon.dataDir, command)
          assert.match(out, /rejected \(environment\): refused, the relay refuses the token/, command)
        }
        yield* relay.control.setTokens({ wrong: anonymous })
        assert.include((yield* daemon.command("token", "refresh")).stdout, "valid")
        assert.deepStrictEqual((yield* readyz(daemon)).degraded, [])
        yield* relay.control.setTokens({ good: anonymous })
        const refreshed = yield* daemon.command("token", "refresh")
        assert.include(refreshed.stdout, "rejected", "a refresh tells what the relay says, not what the source does")
      })
  )

  it.live("is proven with each change of its source", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { good: anonymous } })
      const file = join(relay.directory, "token")
      writeFileSync(file, "good\n")
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_TOKEN_FILE: file } })
      yield* stateIs(daemon, "valid")
      writeFileSync(file, "wrong\n")
      yield* stateIs(daemon, "rejected")
      writeFileSync(file, "good\n")
      yield* stateIs(daemon, "valid")
    }))

  it.live("is neither good nor bad while nobody could ask the relay", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { good: anonymous } })
      yield* relay.kill
      const daemon = yield* Daemon.start({ relayUrl: relay.url, token: "good" })
      const unproven = /unproven \(environment\): the relay has not answered with it yet/
      for (const command of ["status", "doctor", "token show"]) {
        const { out } = yield* Terminal.run(daemon.dataDir, ...command.split(" "))
        assert.match(out, unproven, command)
        assert.notInclude(out, "valid (", command)
      }
      assert.match((yield* Terminal.run(daemon.dataDir, "doctor")).out, /^unknown +token default\/default/m)
      yield* relay.restart()
      yield* eventually(
        "the token to be proven",
        Terminal.run(daemon.dataDir, "status"),
        ({ out }) => out.includes("default: valid (environment)")
      )
      const agent = yield* rawAgent(daemon)
      yield* relay.kill
      assert.isDefined((yield* agent.call("echo", { text: "x" })).answer.error)
      const away = yield* Terminal.run(daemon.dataDir, "status")
      assert.include(away.out, "down for")
      assert.include(away.out, "default: valid (environment)", "the relay took it before it went away")
    }))

  it.live("is counted once, however many calls are refused under it; after five the source is left alone", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { good: anonymous } })
      let asks = 0
      const mint = yield* httpServer(() => ({ body: { token: `wrong ${++asks}`.replace(" ", "-") } }))
      const configuration = join(relay.directory, "holdfast.json")
      writeFileSync(configuration, JSON.stringify({ token: { url: `${mint.origin}/mint` } }))
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_CONFIG: configuration } })
      yield* stateIs(daemon, "rejected")
      const agents = yield* Effect.forEach(Array.from({ length: 3 }), () => rawAgent(daemon))
      const refusedUnder = yield* relay.requests
      for (let round = 0; round < 4; round++) {
        yield* Effect.forEach(
          agents,
          (agent) =>
            Effect.all([agent.call("echo", { text: "a" }), agent.call("echo", { text: "b" })], { concurrency: 2 }),
          {
            concurrency: "unbounded"
          }
        )
      }
      const told = yield* tokenOf(daemon)
      assert.strictEqual(told?.lastError?.hint, "the relay refused 5 tokens in a row")
      assert.strictEqual(asks, 5)
      const sent = new Set((yield* relay.requests).map(({ headers }) => headers.authorization))
      assert.sameMembers([...sent], [1, 2, 3, 4, 5].map((n) => `Bearer wrong-${n}`))
      assert.isAbove((yield* relay.requests).length - refusedUnder.length, 5, "many calls were refused")
    }))

  it.live(
    "is found out where sessions open without one, and ten calls ask its source once more and no oftener",
    () =>
      Effect.gen(function*() {
        const relay = yield* scriptedRelay((request, response) => {
          if (handshake(request, response, "open to all")) return
          if (request.rpc === "ping") {
            return json(response, 200, { jsonrpc: "2.0", id: JSON.parse(request.id), result: {} })
          }
          return request.rpc === "server/discover"
            ? json(response, 404, {
              jsonrpc: "2.0",
              id: JSON.parse(request.id),
              error: { code: -32601, message: "no" }
            })
            : page(response, 401)
        })
        let asks = 0
        const mint = yield* httpServer(() => {
          asks++
          return { body: { token: "refused" } }
        })
        const configuration = join((yield* TestRelay.start()).directory, "holdfast.json")
        writeFileSync(configuration, JSON.stringify({ token: { url: `${mint.origin}/mint` } }))
        const daemon = yield* Daemon.start({ relayUrl: relay.url.href, env: { HOLDFAST_CONFIG: configuration } })
        yield* stateIs(daemon, "rejected")
        const agent = yield* rawAgent(daemon)
        for (let call = 0; call < 10; call++) {
          const { answer } = yield* agent.call("echo", { text: String(call) })
          assert.include(answer.error?.message, "The relay refused the token")
        }
        assert.strictEqual(asks, 2)
        assert.strictEqual((yield* tokenOf(daemon))?.state, "rejected")
        const log = yield* daemon.stderr
        assert.lengthOf(log.match(/the relay refuses the token/g) ?? [], 1)
        assert.notInclude(log, "tokens in a row")
      })
  )
})
