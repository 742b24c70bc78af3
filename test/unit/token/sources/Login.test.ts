import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Queue, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { RelayTarget } from "../../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../../src/domain/Ids.ts"
import { DataDirectory } from "../../../../src/storage/DataDirectory.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { LiveToken } from "../../../../src/token/LiveToken.ts"
import * as Authorization from "../../../../src/token/sources/Authorization.ts"
import * as AuthorizationServer from "../../../../src/token/sources/AuthorizationServer.ts"
import * as LoginFile from "../../../../src/token/sources/LoginFile.ts"
import * as LoginPlace from "../../../../src/token/sources/LoginPlace.ts"
import * as LoginSource from "../../../../src/token/sources/LoginSource.ts"
import { eventually } from "../../../support/eventually.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"
import { authorizationServer, type Behaviour } from "../../../support/token/authorizationServer.ts"
import { withServices } from "../../../support/token/withServices.ts"

const redirectUri = "http://127.0.0.1:7777/callback"

/** The browser of a person who agrees: where it ends up. */
const agree = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url, { redirect: "manual" })
    return new URL(response.headers.get("location") ?? "http://none.test").searchParams
  })

const begin = (relay: URL, clientId?: string) =>
  withServices(Effect.flatMap(
    LoginPlace.find({ relay }),
    (place) => Authorization.begin(place, redirectUri, clientId === undefined ? {} : { client: { id: clientId } })
  ))

const logIn = Effect.fnUntraced(function*(relay: URL) {
  const begun = yield* begin(relay)
  return yield* withServices(begun.complete(yield* agree(begun.url)))
})

const failing = Effect.fnUntraced(function*(behaviour: Behaviour) {
  const server = yield* authorizationServer(behaviour)
  return yield* Effect.flip(logIn(server.relay))
})

/** A login on disk, and the source over it. */
const loggedIn = Effect.fnUntraced(function*(behaviour: Behaviour = {}) {
  const server = yield* authorizationServer(behaviour)
  const path = yield* temporaryDirectory
  const directory = yield* Layer.build(DataDirectory.layerAt(path))
  const login = yield* logIn(server.relay)
  yield* Effect.provideContext(LoginFile.write(defaultRelay, login), directory)
  const source = yield* withServices(LoginSource.make(defaultRelay)).pipe(Effect.provideContext(directory))
  const file = join(path, "login-default.json")
  const kept = (): LoginFile.Login => JSON.parse(readFileSync(file, "utf8"))
  return { server, login, source, file, kept, path }
})

const value = (issued: { readonly value: Redacted.Redacted }) => Redacted.value(issued.value)

describe("a login", () => {
  it.effect("registers a client, sends the person to the server with PKCE and the resource, and takes the code for tokens", () =>
    Effect.gen(function*() {
      const server = yield* authorizationServer()
      const begun = yield* begin(server.relay)
      const query = new URL(begun.url).searchParams
      assert.strictEqual(query.get("code_challenge_method"), "S256")
      assert.strictEqual(query.get("resource"), server.relay.href)
      assert.strictEqual(query.get("scope"), "tools offline_access")
      assert.strictEqual(query.get("prompt"), "consent")
      const login = yield* withServices(begun.complete(yield* agree(begun.url)))
      assert.isTrue(server.state.tokens.has(login.accessToken))
      assert.strictEqual(login.refreshToken, server.state.refresh)
      assert.strictEqual(login.issuer, server.origin)
    }))

  it.effect("is for the relay where it was made, and for no other that later has the same name", () =>
    Effect.gen(function*() {
      const { path, server } = yield* loggedIn()
      const directory = yield* Layer.build(DataDirectory.layerAt(path))
      const at = (url: URL) =>
        Effect.flatMap(
          withServices(LoginSource.make(defaultRelay, url)).pipe(Effect.provideContext(directory)),
          ({ fetch }) => fetch
        )
      assert.isNotEmpty(value(yield* at(server.relay)))
      for (const url of ["https://evil.test/mcp", "http://127.0.0.1:1/mcp"]) {
        assert.strictEqual((yield* Effect.flip(at(new URL(url)))).code, "no login")
      }
    }))

  it.effect.each(
    [
      { what: "another login's state", behaviour: { answer: { state: "other" } }, code: "wrong state" },
      { what: "another issuer", behaviour: { answer: { iss: "https://evil.test" } }, code: "wrong issuer" },
      { what: "no issuer, where the server promises one", behaviour: { answer: { iss: "" } }, code: "wrong issuer" },
      { what: "a refusal", behaviour: { answer: { code: "", error: "access_denied" } }, code: "access_denied" },
      { what: "no code", behaviour: { answer: { code: "" } }, code: "no code" },
      {
        what: "a server without PKCE",
        behaviour: { metadata: { code_challenge_methods_supported: undefined } },
        code: "no PKCE"
      },
      {
        what: "a server that registers nobody, without a client",
        behaviour: { metadata: { registration_endpoint: undefined } },
        code: "no client"
      }
    ]
  )("refuses $what", ({ behaviour, code }) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* failing(behaviour)).code, code)
    }))

  it.effect("shows what others say without line ends and terminal sequences", () =>
    Effect.gen(function*() {
      const said = "no\u001b[2J\nholdfast: all is well"
      const error = yield* failing({ answer: { code: "", error: "access_denied", error_description: said } })
      assert.strictEqual(error.hint, "no [2J holdfast: all is well")
      const other = yield* failing({ metadata: { issuer: "https://evil.test/\u001b]0;x\u0007" } })
      assert.strictEqual(other.code, "wrong issuer")
      assert.notMatch(other.message, /\p{Cc}/u)
    }))

  it.effect("goes as the client that it is told, without registering", () =>
    Effect.gen(function*() {
      const server = yield* authorizationServer()
      const begun = yield* begin(server.relay, "https://app.test/client.json")
      assert.strictEqual(new URL(begun.url).searchParams.get("client_id"), "https://app.test/client.json")
      assert.isEmpty(server.asked.filter(({ path }) => path === "/register"))
    }))

  it.effect("is kept in a file of its owner's, and used until it is about to end", () =>
    Effect.gen(function*() {
      const { file, login, server, source } = yield* loggedIn()
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const issued = yield* source.fetch
      assert.strictEqual(value(issued), login.accessToken)
      assert.deepStrictEqual(issued.expiresAt, Option.fromNullOr(login.expiresAt))
      assert.strictEqual(server.state.refreshes, 0)
    }))

  it.effect("is renewed for days, each refresh token on disk before its access token is given out", () =>
    Effect.gen(function*() {
      const { kept, login, server, source } = yield* loggedIn()
      const first = yield* source.fetch
      for (let hour = 0; hour < 72; hour++) {
        yield* TestClock.adjust("55 minutes")
        const issued = yield* source.fetch
        assert.strictEqual(kept().refreshToken, server.state.refresh)
        assert.strictEqual(kept().accessToken, value(issued))
        assert.deepStrictEqual(issued.subject, first.subject)
      }
      assert.strictEqual(server.state.refreshes, 72)
      assert.notStrictEqual(kept().refreshToken, login.refreshToken)
    }))

  it.live("is renewed by one exchange, whoever stops waiting for its answer", () =>
    Effect.gen(function*() {
      const held = Promise.withResolvers<void>()
      const { file, kept, server, source } = yield* loggedIn({ hold: () => held.promise })
      writeFileSync(file, JSON.stringify({ ...kept(), expiresAt: 1 }))
      const first = yield* Effect.forkChild(source.fetch)
      yield* eventually("the refresh", Effect.sync(() => server.state.refreshes), (refreshes) => refreshes === 1)
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(source.fetch, { startImmediately: true })
      held.resolve()
      assert.isTrue(server.state.tokens.has(value(yield* Fiber.join(second))))
      assert.strictEqual(server.state.refreshes, 1)
      assert.isFalse(server.state.ended)
      assert.strictEqual(kept().refreshToken, server.state.refresh)
    }))

  it.effect("whose renewal is never answered is tried once more, and then needs a person", () =>
    Effect.gen(function*() {
      const refreshing = yield* Queue.unbounded<void>()
      const hold = () => {
        Queue.offerUnsafe(refreshing, undefined)
        return new Promise<void>(() => {})
      }
      const { file, kept, server, source } = yield* loggedIn({ hold })
      writeFileSync(file, JSON.stringify({ ...kept(), expiresAt: 1 }))
      for (const _ of ["the first time", "once more"]) {
        const fetching = yield* Effect.forkChild(Effect.flip(source.fetch), { startImmediately: true })
        yield* Queue.take(refreshing)
        yield* TestClock.adjust("2 minutes")
        assert.deepInclude({ ...(yield* Fiber.join(fetching)) }, { code: "unreachable", retryable: true })
      }
      const last = yield* Effect.flip(source.fetch)
      assert.deepInclude({ ...last }, { code: "unknown outcome", retryable: false })
      assert.include(last.hint, "holdfast login")
      assert.strictEqual(server.state.refreshes, 2)
    }))

  it.effect("that cannot be renewed is used to its end, however often it is asked for, and then says what to do", () =>
    Effect.gen(function*() {
      const { file, kept, login, server, source } = yield* loggedIn()
      writeFileSync(file, JSON.stringify({ ...kept(), refreshToken: null }))
      for (const _ of [1, 2, 3]) assert.strictEqual(value(yield* source.fetch), login.accessToken)
      writeFileSync(file, JSON.stringify({ ...kept(), expiresAt: 30_000 }))
      assert.strictEqual(value(yield* source.fetch), login.accessToken, "in its last minute")
      yield* TestClock.adjust("1 hour")
      const ended = yield* Effect.flip(source.fetch)
      assert.deepInclude({ ...ended }, { code: "ended", retryable: false })
      assert.include(ended.hint, "holdfast login")
      assert.strictEqual(server.state.refreshes, 0)
    }))

  it.effect("asks for more rights on top of those that the last login at that server was allowed", () =>
    Effect.gen(function*() {
      const server = yield* authorizationServer()
      const first = yield* logIn(server.relay)
      assert.deepStrictEqual(first.scopes, ["tools", "offline_access"])
      const scopesOf = (before: LoginFile.Login) =>
        Effect.map(
          withServices(
            LoginPlace.find({ relay: server.relay, scope: "write", before: { ...before, scopes: ["read"] } })
          ),
          ({ scopes }) => scopes.join(" ")
        )
      assert.strictEqual(yield* scopesOf(first), "tools read write offline_access")
      assert.strictEqual(
        yield* scopesOf({ ...first, issuer: "https://other.test" }),
        "tools write offline_access",
        "what another server allowed"
      )
    }))

  it.effect("does not wait for the end of what a relay that asks for no token streams", () =>
    Effect.gen(function*() {
      const relay = yield* endless
      const { issuers, resource } = yield* withServices(AuthorizationServer.protectedResource(new URL(relay)))
      assert.deepStrictEqual([resource, issuers], [relay, [new URL(relay).origin]])
    }))

  it.effect("that came while the one before was being renewed stays, and is the one in use", () =>
    Effect.gen(function*() {
      const step: { meanwhile: () => void } = { meanwhile: () => {} }
      const { file, kept, login, source } = yield* loggedIn({ meanwhile: () => step.meanwhile() })
      yield* source.fetch
      const other = { ...login, id: "another", accessToken: "of the new login", refreshToken: "new" }
      step.meanwhile = () => writeFileSync(file, JSON.stringify(other))
      assert.strictEqual(value(yield* source.fetch), "of the new login")
      assert.deepStrictEqual(kept(), other)
    }))

  it.live("is renewed once where it is time: what that leaves on disk is no news", () =>
    Effect.gen(function*() {
      const { file, kept, server, source } = yield* loggedIn()
      writeFileSync(file, JSON.stringify({ ...kept(), expiresAt: 1 }))
      const layer = LiveToken.layerOf({ _tag: "Shared", source }).pipe(Layer.provide([
        Supervisor.layer,
        Layer.succeed(RelayTarget, { id: defaultRelay, url: server.relay, token: {} })
      ]))
      yield* Effect.gen(function*() {
        const token = yield* LiveToken
        yield* token.current(defaultAgent)
        yield* Effect.sleep("1 second")
        assert.strictEqual(server.state.refreshes, 1)
        // Another login is.
        const other = { ...kept(), id: "another", accessToken: "of the new login", expiresAt: null }
        writeFileSync(file, JSON.stringify(other))
        yield* eventually(
          "the new login's token",
          token.current(defaultAgent),
          Option.exists((one) => Redacted.value(one.value) === "of the new login")
        )
        assert.strictEqual(server.state.refreshes, 1)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("goes on after a crash with what is on disk", () =>
    Effect.gen(function*() {
      const { kept, path, server, source } = yield* loggedIn()
      yield* source.fetch
      yield* source.fetch
      const directory = yield* Layer.build(DataDirectory.layerAt(path))
      const next = yield* withServices(LoginSource.make(defaultRelay)).pipe(Effect.provideContext(directory))
      assert.strictEqual(value(yield* next.fetch), kept().accessToken)
      yield* next.fetch
      assert.isFalse(server.state.ended)
    }))

  it.effect("writes a rotated refresh token with the next ask where the disk refused it, and asks nobody meanwhile", () =>
    Effect.gen(function*() {
      const { kept, path, server, source } = yield* loggedIn()
      yield* source.fetch
      const blocked = join(path, ".login-default.json.new")
      // A directory in the draft's place: nothing can be written there, whoever runs this.
      yield* Effect.sync(() => writeBlock(blocked))
      const error = yield* Effect.flip(source.fetch)
      assert.deepInclude({ ...error }, { code: "disk", retryable: true })
      yield* Effect.flip(source.fetch)
      assert.strictEqual(server.state.refreshes, 1)
      rmSync(blocked, { recursive: true })
      const issued = yield* source.fetch
      assert.strictEqual(kept().refreshToken, server.state.refresh)
      assert.strictEqual(value(issued), kept().accessToken)
      assert.isFalse(server.state.ended)
    }))

  it.effect("that the server ended says how to start another one, and that there is none is no fault", () =>
    Effect.gen(function*() {
      const { file, server, source } = yield* loggedIn()
      yield* source.fetch
      server.state.ended = true
      const ended = yield* Effect.flip(source.fetch)
      assert.deepInclude({ ...ended }, { code: "HTTP 400 invalid_grant", retryable: false })
      assert.include(ended.hint, "holdfast login")
      chmodSync(file, 0o600)
      writeFileSync(file, "")
      assert.strictEqual((yield* Effect.flip(source.fetch)).absent, true)
    }))
})

const writeBlock = (path: string): void => {
  mkdirSync(join(path, "x"), { recursive: true })
}

/** A relay that is open to everybody and answers with streams that never end. */
const endless = Effect.acquireRelease(
  Effect.callback<readonly [string, () => void]>((resume) => {
    const server = createServer(({ url }, response) => {
      if (url !== "/mcp") return void response.writeHead(404).end()
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": connected\n\n")
    }).listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resume(Effect.succeed([`http://127.0.0.1:${port}/mcp`, close]))
    })
  }),
  ([, close]) => Effect.sync(close)
).pipe(Effect.map(([url]) => url))
