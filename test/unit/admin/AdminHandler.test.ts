import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { AdminHandler } from "../../../src/admin/AdminHandler.ts"
import { doubles, secret } from "../../support/adminDoubles.ts"
import { listening } from "../../support/listening.ts"

const started = Effect.gen(function*() {
  const { handle } = yield* AdminHandler
  return `http://127.0.0.1:${yield* listening(handle)}`
})

const Live = Layer.merge(AdminHandler.layerNoDeps.pipe(Layer.provide(doubles())), NodeHttpClient.layerUndici)

const ask = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest) {
  const response = yield* HttpClient.execute(request)
  return { status: response.status, allow: response.headers["allow"], text: yield* response.text }
})

const signed = HttpClientRequest.bearerToken(Redacted.value(secret))

describe("the admin API over HTTP", () => {
  it.live("answers one who has the secret, and 401 to anybody else", () =>
    Effect.gen(function*() {
      const url = yield* started
      const status = HttpClientRequest.get(`${url}/api/status`)
      assert.strictEqual((yield* ask(signed(status))).status, 200)
      const refused = yield* ask(status)
      assert.strictEqual(refused.status, 401)
      assert.include(refused.text, "admin-secret")
    }).pipe(Effect.provide(Live)))

  it.live("names the input that it cannot take, and goes on", () =>
    Effect.gen(function*() {
      const url = yield* started
      const bad = yield* ask(signed(HttpClientRequest.get(`${url}/api/outbox?state=lost`)))
      assert.strictEqual(bad.status, 400)
      assert.include(bad.text, "state")
      const body = HttpClientRequest.post(`${url}/api/context`).pipe(
        HttpClientRequest.bodyText("{\"agent\":", "application/json")
      )
      assert.strictEqual((yield* ask(signed(body))).status, 400)
      assert.strictEqual((yield* ask(signed(HttpClientRequest.get(`${url}/api/status`)))).status, 200)
    }).pipe(Effect.provide(Live)))

  it.live("answers in JSON for a path it does not have, and for a method that a path does not take", () =>
    Effect.gen(function*() {
      const url = yield* started
      for (const path of ["/api", "/api/", "/api/nothing", "/api/outbox/1/2"]) {
        const unknown = yield* ask(signed(HttpClientRequest.get(`${url}${path}`)))
        assert.strictEqual(unknown.status, 404, path)
        assert.deepInclude(JSON.parse(unknown.text), { _tag: "NotFound" })
        assert.include(unknown.text, path)
      }
      const wrong = yield* ask(signed(HttpClientRequest.delete(`${url}/api/outbox?limit=1`)))
      assert.strictEqual(wrong.status, 405)
      assert.strictEqual(wrong.allow, "GET")
      assert.deepInclude(JSON.parse(wrong.text), {
        _tag: "MethodNotAllowed",
        message: "/api/outbox takes GET, not DELETE"
      })
      const both = yield* ask(signed(HttpClientRequest.put(`${url}/api/agents`)))
      assert.strictEqual(both.allow, "GET, POST")
      const named = yield* ask(signed(HttpClientRequest.patch(`${url}/api/agents/ada`)))
      assert.strictEqual(named.allow, "DELETE")
      const stranger = yield* ask(HttpClientRequest.get(`${url}/api/nothing`))
      assert.strictEqual(stranger.status, 401)
      assert.deepInclude(JSON.parse(stranger.text), { _tag: "Unauthorized" })
    }).pipe(Effect.provide(Live)))
})
