/** As which client a person logs in at a stock OpenID provider, and how on a machine without a browser. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import * as flows from "../../../src/cli/login/flows.ts"
import * as Authorization from "../../../src/token/sources/Authorization.ts"
import type { ClientOptions } from "../../../src/token/sources/ClientRegistration.ts"
import * as DeviceAuthorization from "../../../src/token/sources/DeviceAuthorization.ts"
import * as LoginPlace from "../../../src/token/sources/LoginPlace.ts"
import { browse } from "../../support/token/BrowserUser.ts"
import { type OpenIdServer, openIdServer } from "../../support/token/OpenIdServer.ts"
import { withServices } from "../../support/token/withServices.ts"

class Stock extends Context.Service<Stock, OpenIdServer>()("test/WaysToLogIn/Stock") {
  static readonly layer = Layer.effect(Stock, openIdServer())
}

const redirectUri = "http://127.0.0.1:7777/callback"

const placeOf = ({ relay }: OpenIdServer) => withServices(LoginPlace.find({ relay }))

const begun = Effect.fnUntraced(function*(options: ClientOptions, at = redirectUri) {
  const server = yield* Stock
  const before = server.clients()
  const place = yield* placeOf(server)
  const begun = yield* withServices(Authorization.begin(place, at, options))
  return { ...begun, registrations: server.clients() - before }
})

const logIn = Effect.fnUntraced(function*(options: ClientOptions, at = redirectUri) {
  const authorization = yield* begun(options, at)
  const { url } = yield* browse("alice", authorization.url, at)
  return { ...authorization, login: yield* withServices(authorization.complete(url.searchParams)) }
})

/** What docs/tokens.md says to put at the URL. */
const documented = (url: string): Readonly<Record<string, unknown>> => {
  const page = readFileSync(new URL("../../../docs/tokens.md", import.meta.url), "utf8")
  const block = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => text).find((text) =>
    text.includes("\"client_id\"")
  )
  return { ...JSON.parse(block ?? ""), client_id: url }
}

const turn = Effect.promise(() => setImmediate())

/** Lets the time pass that the server's pauses take, and waits for the server's answers in between. */
const passing = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function*() {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 second")
      for (let turns = 0; turns < 20; turns++) yield* turn
    }
    return yield* Fiber.join(fiber)
  })

layer(Stock.layer)("a login at a stock OpenID provider", (it) => {
  it.effect("is made as the client that was registered before, while issuer, redirect and rights hold", () =>
    Effect.gen(function*() {
      const first = yield* logIn({})
      assert.strictEqual(first.registrations, 1)
      const known = first.registered
      const second = yield* logIn({ known })
      assert.strictEqual(second.registrations, 0)
      assert.strictEqual(second.login.clientId, known?.id)
      assert.isUndefined(second.registered)

      const other = yield* begun({ known }, "http://127.0.0.1:7778/callback")
      assert.strictEqual(other.registrations, 1, "another redirect")
      if (known === undefined) return
      const narrow = yield* begun({ known: { ...known, scopes: ["openid"] } })
      assert.strictEqual(narrow.registrations, 1, "fewer rights")
      const ended = yield* begun({ known: { ...known, secretExpiresAt: 0 } })
      assert.strictEqual(ended.registrations, 1, "a secret that has ended")
    }))

  it.effect("registers another client where the server has forgotten the one before", () =>
    Effect.gen(function*() {
      const first = yield* begun({})
      if (first.registered === undefined) assert.fail("nothing was registered")
      const { login, registered, registrations } = yield* logIn({ known: { ...first.registered, id: "forgotten" } })
      assert.strictEqual(registrations, 1)
      assert.strictEqual(login.clientId, registered?.id)
    }))

  it.effect("is made as the client of the metadata document that the docs show, and registers none", () =>
    Effect.gen(function*() {
      const url = "https://holdfast.example.com/client.json"
      const { behaviour } = yield* Stock
      behaviour.documents = { [url]: documented(url) }
      const { login, registrations } = yield* logIn({ metadata: url })
      assert.strictEqual(registrations, 0)
      assert.strictEqual(login.clientId, url)
      assert.isNotNull(login.refreshToken)
    }))

  it.effect("asks once more without what is for us alone, where the server does not give that to the client", () =>
    Effect.gen(function*() {
      const server = yield* Stock
      const narrow = yield* Effect.promise(async () => {
        const response = await fetch(`${server.origin}/reg`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            application_type: "native",
            redirect_uris: [redirectUri],
            grant_types: ["authorization_code"],
            token_endpoint_auth_method: "none",
            scope: "offline_access"
          })
        })
        const client: { readonly client_id: string } = JSON.parse(await response.text())
        return client
      })
      const place = yield* placeOf(server)
      assert.deepStrictEqual(place.ours, ["offline_access", "openid"])
      const asked: Array<string> = []
      const login = yield* flows.withLess(place, (place) =>
        Effect.gen(function*() {
          asked.push(place.scopes.join(" "))
          const begun = yield* withServices(
            Authorization.begin(place, redirectUri, { client: { id: narrow.client_id } })
          )
          const { url } = yield* browse("alice", begun.url, redirectUri)
          return yield* withServices(begun.complete(url.searchParams))
        }))
      assert.deepStrictEqual(asked, ["tools offline_access openid", "tools"])
      assert.isUndefined(login.subject, "the server was not to say who logged in")
      assert.isNotEmpty(login.accessToken)
    }))

  it.effect("by device waits for a person at any browser, who enters the code", () =>
    Effect.gen(function*() {
      const server = yield* Stock
      const grants = server.grants.length
      const place = yield* placeOf(server)
      const device = yield* withServices(DeviceAuthorization.begin(place, {}))
      assert.match(device.code, /^[A-Z]{4}-[A-Z]{4}$/)
      const waiting = yield* Effect.forkChild(withServices(device.complete), { startImmediately: true })
      while (server.grants.length < grants + 2) {
        yield* TestClock.adjust("1 second")
        yield* turn
      }
      yield* browse("alice", device.completeUrl ?? device.url)
      const login = yield* passing(waiting)
      assert.strictEqual(login.subject, "alice")
      assert.isNotNull(login.refreshToken)

      const known = device.registered
      const clients = server.clients()
      yield* withServices(DeviceAuthorization.begin(place, { known }))
      assert.strictEqual(server.clients(), clients, "the next one is the same client")
      if (known === undefined) assert.fail("nothing was registered")
      const again = yield* withServices(DeviceAuthorization.begin(place, { known: { ...known, id: "forgotten" } }))
      assert.isDefined(again.registered)
    }))

  it.effect("by device ends where nobody enters the code in time, and where the person refuses", () =>
    Effect.gen(function*() {
      const place = yield* placeOf(yield* Stock)
      const device = yield* withServices(DeviceAuthorization.begin(place, {}))
      const waiting = yield* Effect.forkChild(Effect.flip(withServices(device.complete)), { startImmediately: true })
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual((yield* passing(waiting)).code, "expired_token")

      const refused = yield* withServices(DeviceAuthorization.begin(place, {}))
      const asking = yield* Effect.forkChild(Effect.flip(withServices(refused.complete)), { startImmediately: true })
      yield* browse("nobody", refused.completeUrl ?? refused.url, undefined, "abort")
      assert.strictEqual((yield* passing(asking)).code, "access_denied")
    }))
})
