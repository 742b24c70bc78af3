/** Who gets in with a link, a cookie or a key, and who does not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { AdminHandler } from "../../../src/admin/AdminHandler.ts"
import { BrowserSessions } from "../../../src/admin/BrowserSessions.ts"
import { doubles, entry, secret } from "../../support/adminDoubles.ts"
import { type BrowserAsk, browserRequest } from "../../support/BrowserRequest.ts"
import { listening } from "../../support/listening.ts"

const Live = AdminHandler.layerNoDeps.pipe(Layer.provide(doubles([entry(1, { state: "dead" })])))

const started = Effect.gen(function*() {
  const { handle } = yield* AdminHandler
  const port = yield* listening(handle)
  const ask = (asked: BrowserAsk) => browserRequest(port, asked)
  const bearer = { authorization: `Bearer ${Redacted.value(secret)}` }
  const link = Effect.gen(function*() {
    const { text } = yield* ask({ path: "/api/session/link", method: "POST", headers: bearer })
    const { url }: { url: string } = JSON.parse(text)
    return { url, ticket: new URL(url).hash.replace("#sign-in=", "") }
  })
  const signIn = Effect.gen(function*() {
    const { ticket } = yield* link
    const answer = yield* ask({ path: "/api/session", body: { ticket } })
    const set = String(answer.headers["set-cookie"])
    const { key }: { key: string } = JSON.parse(answer.text)
    return { set, ticket, cookie: set.split(";")[0] ?? "", key }
  })
  const signedIn = Effect.map(signIn, ({ cookie, key }) => ({ cookie, "x-holdfast-page": key }))
  return { port, ask, bearer, link, signIn, signedIn }
})

describe("a browser's sign-in", () => {
  it.live("takes a link of the admin secret's holder, and gives a cookie that scripts and agents never see", () =>
    Effect.gen(function*() {
      const { ask, link, port, signIn, signedIn } = yield* started
      assert.match((yield* link).url, /^http:\/\/127\.0\.0\.1:4851\/#sign-in=[\w-]{43}$/)
      const { cookie, set } = yield* signIn
      assert.match(cookie, new RegExp(`^holdfast-${port}=[\\w-]{43}$`))
      for (const part of ["Path=/api", "HttpOnly", "SameSite=Strict", "Expires="]) assert.include(set, part)
      assert.strictEqual((yield* ask({ path: "/api/status", headers: yield* signedIn })).status, 200)
    }).pipe(Effect.provide(Live)))

  it.live("gives a link to nobody without the secret, not even to a browser that is signed in", () =>
    Effect.gen(function*() {
      const { ask, signedIn } = yield* started
      for (const headers of [{}, { authorization: "Bearer wrong" }, yield* signedIn]) {
        assert.strictEqual((yield* ask({ path: "/api/session/link", method: "POST", headers })).status, 401)
      }
    }).pipe(Effect.provide(Live)))

  it.live("refuses a link that was used", () =>
    Effect.gen(function*() {
      const { ask, signIn } = yield* started
      const { ticket } = yield* signIn
      const stolen = yield* ask({ path: "/api/session", body: { ticket } })
      assert.strictEqual(stolen.status, 401)
      assert.include(stolen.text, "holdfast open")
      assert.isUndefined(stolen.headers["set-cookie"])
    }).pipe(Effect.provide(Live)))

  it.live("takes no link from a page of another site or another port, and does not use it up", () =>
    Effect.gen(function*() {
      const { ask, link, port } = yield* started
      const { ticket } = yield* link
      for (
        const headers of [
          { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
          { "sec-fetch-site": "same-site", origin: `http://127.0.0.1:${port + 1}` },
          { "sec-fetch-site": "same-origin", origin: `http://127.0.0.1:${port + 1}` },
          { "sec-fetch-site": "none" },
          { "sec-fetch-site": "" }
        ]
      ) assert.strictEqual((yield* ask({ path: "/api/session", body: { ticket }, headers })).status, 401)
      assert.strictEqual((yield* ask({ path: "/api/session", body: { ticket } })).status, 200)
    }).pipe(Effect.provide(Live)))

  it.live("lets in neither a cookie without its key nor a key without its cookie", () =>
    Effect.gen(function*() {
      const { ask, bearer, signIn } = yield* started
      const mine = yield* signIn
      const other = yield* signIn
      const tries: ReadonlyArray<Record<string, string>> = [
        { cookie: mine.cookie },
        { "x-holdfast-page": mine.key },
        { cookie: mine.cookie, "x-holdfast-page": other.key },
        { cookie: other.cookie, "x-holdfast-page": mine.key },
        { cookie: "holdfast=1", "x-holdfast-page": mine.key }
      ]
      for (const headers of tries) {
        assert.strictEqual((yield* ask({ path: "/api/status", headers })).status, 401, JSON.stringify(headers))
        assert.strictEqual((yield* ask({ path: "/api/nothing", headers })).status, 401)
      }
      assert.strictEqual((yield* ask({ path: "/api/status", headers: bearer })).status, 200)
    }).pipe(Effect.provide(Live)))

  it.live("does nothing for another page that has both", () =>
    Effect.gen(function*() {
      const { ask, port, signedIn } = yield* started
      const both = yield* signedIn
      const body = { ids: [1] }
      for (
        const from of [
          { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
          { "sec-fetch-site": "same-site", origin: `http://127.0.0.1:${port + 1}` }
        ]
      ) {
        const refused = yield* ask({ path: "/api/outbox/retry", body, headers: { ...both, ...from } })
        assert.strictEqual(refused.status, 401)
      }
      assert.deepStrictEqual(JSON.parse((yield* ask({ path: "/api/outbox/retry", body, headers: both })).text), {
        ids: [1]
      })
    }).pipe(Effect.provide(Live)))

  it.live("gives a browser nothing that answers with a secret", () =>
    Effect.gen(function*() {
      const { ask, signedIn } = yield* started
      const headers = yield* signedIn
      const asked: ReadonlyArray<BrowserAsk> = [
        { path: "/api/agents", body: { agent: "third" } },
        { path: "/api/leases", body: { agent: "default", holder: 1, obeysListChanged: true } },
        { path: "/api/credentials/get", body: { protocol: "https", host: "github.com" } },
        { path: "/api/restart", method: "POST" },
        { path: "/api/agents/default", method: "DELETE" }
      ]
      for (const one of asked) assert.strictEqual((yield* ask({ ...one, headers })).status, 401, one.path)
    }).pipe(Effect.provide(Live)))

  it.live("ends with a sign-out: one browser's by itself, every browser's with the admin secret", () =>
    Effect.gen(function*() {
      const { ask, bearer, link, signedIn } = yield* started
      const one = yield* signedIn
      const other = yield* signedIn
      const out = yield* ask({ path: "/api/session", method: "DELETE", headers: one })
      assert.strictEqual(out.status, 204)
      assert.include(String(out.headers["set-cookie"]), "Max-Age=0")
      assert.strictEqual((yield* ask({ path: "/api/status", headers: one })).status, 401)
      assert.strictEqual((yield* ask({ path: "/api/status", headers: other })).status, 200)
      const { ticket } = yield* link
      yield* ask({ path: "/api/session", method: "DELETE", headers: bearer })
      assert.strictEqual((yield* ask({ path: "/api/status", headers: other })).status, 401)
      assert.strictEqual((yield* ask({ path: "/api/session", body: { ticket } })).status, 401)
    }).pipe(Effect.provide(Live)))
})

describe("time", () => {
  it.effect("ends a link after two minutes and a session after twelve hours", () =>
    Effect.gen(function*() {
      const browsers = yield* BrowserSessions
      const { ticket: late } = yield* browsers.ticket
      yield* TestClock.adjust("2 minutes")
      assert.isTrue((yield* browsers.signIn(late))._tag === "None")
      const { ticket } = yield* browsers.ticket
      const signedIn = yield* Effect.flatMap(browsers.signIn(ticket), Effect.fromOption)
      yield* TestClock.adjust("11 hours")
      assert.isTrue(yield* browsers.isSignedIn(signedIn.cookie, signedIn.key))
      yield* TestClock.adjust("1 hour")
      assert.isFalse(yield* browsers.isSignedIn(signedIn.cookie, signedIn.key))
    }).pipe(Effect.provide(BrowserSessions.layerMemory)))
})
