import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { AdminHandler } from "../../src/admin/AdminHandler.ts"
import { doubles, secret } from "./Doubles.ts"
import { listening } from "./listening.ts"

const started = Effect.gen(function*() {
  const { handle } = yield* AdminHandler
  return `http://127.0.0.1:${yield* listening(handle)}`
})

const Live = Layer.merge(AdminHandler.layerNoDeps.pipe(Layer.provide(doubles())), NodeHttpClient.layerUndici)

const ask = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest) {
  const response = yield* HttpClient.execute(request)
  return { status: response.status, text: yield* response.text }
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
      assert.strictEqual((yield* ask(signed(HttpClientRequest.get(`${url}/api/nothing`)))).status, 404)
      assert.strictEqual((yield* ask(signed(HttpClientRequest.get(`${url}/api/status`)))).status, 200)
    }).pipe(Effect.provide(Live)))
})
