/**
 * Logins at a stock OpenID provider, with an MCP server of the official SDK behind it. Refresh tokens rotate there, and a
 * used one ends the whole grant.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { RelayTarget } from "../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../src/domain/Ids.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { LiveToken } from "../../../src/token/LiveToken.ts"
import * as Authorization from "../../../src/token/sources/Authorization.ts"
import * as LoginFile from "../../../src/token/sources/LoginFile.ts"
import * as LoginPlace from "../../../src/token/sources/LoginPlace.ts"
import * as LoginSource from "../../../src/token/sources/LoginSource.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { browse } from "../../support/token/BrowserUser.ts"
import { type OpenIdServer, openIdServer } from "../../support/token/OpenIdServer.ts"
import { withServices } from "../../support/token/withServices.ts"

class Stock extends Context.Service<Stock, OpenIdServer>()("test/Stock") {
  static readonly layer = Layer.effect(Stock, openIdServer())
}

const redirectUri = "http://127.0.0.1:7777/callback"

/** A person's login on disk, and the source over it. What is counted at the server is counted from here. */
const loggedIn = Effect.fnUntraced(function*(name: string) {
  const server = yield* Stock
  const place = yield* withServices(LoginPlace.find({ relay: server.relay }))
  const begun = yield* withServices(Authorization.begin(place, redirectUri, {}))
  const { url } = yield* browse(name, begun.url, redirectUri)
  const login = yield* withServices(begun.complete(url.searchParams))
  const path = yield* temporaryDirectory
  const directory = yield* Layer.build(DataDirectory.layerAt(path))
  yield* Effect.provideContext(LoginFile.write(defaultRelay, login), directory)
  const source = yield* withServices(LoginSource.make(defaultRelay, server.relay)).pipe(
    Effect.provideContext(directory)
  )
  const file = join(path, LoginFile.nameOf(defaultRelay))
  const before = { grants: server.grants.length, revocations: server.revocations() }
  return {
    server,
    place,
    login,
    source,
    file,
    kept: (): LoginFile.Login => JSON.parse(readFileSync(file, "utf8")),
    refreshes: () => server.grants.length - before.grants,
    revocations: () => server.revocations() - before.revocations
  }
})

const value = (issued: { readonly value: Redacted.Redacted }) => Redacted.value(issued.value)

/** What the relay answers to a call with the token. */
const call = (relay: URL, token: string, text = "hello") =>
  Effect.promise(async () => {
    const response = await fetch(relay, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream"
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "relay_send_message", arguments: { text } }
      })
    })
    return response.status
  })

const turn = Effect.promise(() => setImmediate())

layer(Stock.layer)("a login at a stock OpenID provider", (it) => {
  it.effect("is registered though the server knows the relay's scope only with the relay, and lasts: a refresh token comes with consent", () =>
    Effect.gen(function*() {
      const clients = (yield* Stock).clients()
      const { login, server } = yield* loggedIn("alice")
      assert.strictEqual(server.clients(), clients + 1)
      assert.isNotNull(login.refreshToken)
      assert.strictEqual(yield* call(server.relay, login.accessToken, "from a login"), 200)
      assert.deepInclude(server.letters, { text: "from a login", from: "alice" })
    }))

  it.effect("comes back to whichever port of this machine is free, with the client that was registered for another", () =>
    Effect.gen(function*() {
      const { login, place, server } = yield* loggedIn("alice")
      const other = "http://127.0.0.1:7778/callback"
      const clients = server.clients()
      const begun = yield* withServices(
        Authorization.begin(place, other, { client: { id: login.clientId } })
      )
      const { url } = yield* browse("alice", begun.url, other)
      assert.strictEqual((yield* withServices(begun.complete(url.searchParams))).clientId, login.clientId)
      assert.strictEqual(server.clients(), clients)
    }))

  it.effect("is renewed again and again, each time with the newest refresh token", () =>
    Effect.gen(function*() {
      const { kept, refreshes, revocations, server, source } = yield* loggedIn("alice")
      const tokens = new Set([kept().refreshToken])
      yield* source.fetch
      for (const renewals of [1, 2, 3]) {
        const issued = yield* source.fetch
        assert.strictEqual(yield* call(server.relay, value(issued)), 200)
        assert.strictEqual(refreshes(), renewals)
        tokens.add(kept().refreshToken)
      }
      assert.strictEqual(tokens.size, 4)
      assert.strictEqual(revocations(), 0)
    }))

  it.effect("whose refresh token was used by somebody else has ended: that is said once, and the server is left alone", () =>
    Effect.gen(function*() {
      const { file, kept, refreshes, source } = yield* loggedIn("alice")
      const stolen = kept()
      yield* source.fetch
      const last = yield* source.fetch
      writeFileSync(file, JSON.stringify({ ...kept(), refreshToken: stolen.refreshToken }))
      const ended = yield* Effect.flip(source.fetch)
      assert.deepInclude({ ...ended }, { code: "HTTP 400 invalid_grant", retryable: false })
      assert.include(ended.hint, "holdfast login")
      const { server } = yield* loggedIn("bob")
      assert.strictEqual(yield* call(server.relay, value(last)), 401, "the grant is revoked, and all that came of it")
      assert.strictEqual(refreshes(), 3, "one renewal, one refused one, and bob's login")
    }))

  it.effect("outlives a token endpoint that answers after 12 s: its one answer counts, and the refresh token is not sent again", () =>
    Effect.gen(function*() {
      const { kept, refreshes, revocations, server, source } = yield* loggedIn("alice")
      const layer = LiveToken.layerOf({ _tag: "Shared", source }).pipe(Layer.provide([
        Supervisor.layer,
        Layer.succeed(RelayTarget, { id: defaultRelay, url: server.relay, token: {} })
      ]))
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        const first = yield* token.current(defaultAgent)
        const held = Promise.withResolvers<void>()
        server.behaviour.hold = () => held.promise
        const asking = yield* Effect.forkChild(token.refresh(defaultAgent), { startImmediately: true })
        while (refreshes() < 1) yield* turn
        yield* TestClock.adjust("10 seconds")
        const waiting = yield* Fiber.join(asking)
        assert.deepInclude(Option.getOrThrow(waiting.lastError), { code: "timeout" })
        assert.deepStrictEqual(yield* token.current(defaultAgent), first, "the old token stays in force")
        yield* TestClock.adjust("2 seconds")
        server.behaviour.hold = undefined
        held.resolve()
        while (Option.isSome((yield* token.status(defaultAgent)).lastError)) {
          yield* turn
          yield* TestClock.adjust("100 millis")
        }
        const next = Option.getOrThrow(yield* token.current(defaultAgent))
        assert.notStrictEqual(value(next), value(Option.getOrThrow(first)))
        assert.strictEqual(value(next), kept().accessToken)
        assert.strictEqual(yield* call(server.relay, value(next)), 200)
        assert.strictEqual(refreshes(), 1)
        assert.strictEqual(revocations(), 0)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("without a refresh token is used to its end, and then says what to do", () =>
    Effect.gen(function*() {
      const { behaviour } = yield* Stock
      behaviour.refreshable = false
      const { login, refreshes, server, source } = yield* loggedIn("alice").pipe(
        Effect.ensuring(Effect.sync(() => behaviour.refreshable = true))
      )
      assert.isNull(login.refreshToken)
      for (const _ of [1, 2]) assert.strictEqual(value(yield* source.fetch), login.accessToken)
      yield* TestClock.adjust("3590 seconds")
      assert.strictEqual(value(yield* source.fetch), login.accessToken, "in its last minute")
      assert.strictEqual(yield* call(server.relay, login.accessToken), 200)
      yield* TestClock.adjust("10 seconds")
      const ended = yield* Effect.flip(source.fetch)
      assert.deepInclude({ ...ended }, { code: "ended", retryable: false })
      assert.include(ended.hint, "holdfast login")
      assert.strictEqual(refreshes(), 0)
    }))
})
