import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Call, exchange } from "../../../support/RawClient.ts"
import { endpoint } from "../../../support/ScriptedGateway.ts"

interface Refused {
  readonly when: string
  readonly call: Call
  readonly status: number
  readonly code: number
  readonly says: RegExp
  readonly headers?: Readonly<Record<string, string>>
}

const refusals: ReadonlyArray<Refused> = [
  {
    when: "Host is another's",
    call: { headers: { host: "evil.example" } },
    status: 403,
    code: -32600,
    says: /evil.example.*listen.allowedHosts/
  },
  {
    when: "Host looks like loopback",
    call: { headers: { host: "127.0.0.1.evil.example" } },
    status: 403,
    code: -32600,
    says: /listen.allowedHosts/
  },
  {
    when: "Host smuggles a user name",
    call: { headers: { host: "localhost@evil.example" } },
    status: 403,
    code: -32600,
    says: /listen.allowedHosts/
  },
  {
    when: "Origin is another's",
    call: { headers: { origin: "https://evil.example" } },
    status: 403,
    code: -32600,
    says: /evil.example.*listen.allowedOrigins/
  },
  {
    when: "Origin is opaque",
    call: { headers: { origin: "null" } },
    status: 403,
    code: -32600,
    says: /listen.allowedOrigins/
  },
  { when: "the path is unknown", call: { path: "/nothing" }, status: 404, code: -32600, says: /\/mcp/ },
  { when: "the relay is unknown", call: { path: "/mcp/nobody" }, status: 404, code: -32600, says: /nobody/ },
  {
    when: "the verb is unknown",
    call: { method: "PUT" },
    status: 405,
    code: -32600,
    says: /GET, POST, DELETE/,
    headers: { allow: "GET, POST, DELETE" }
  },
  {
    when: "a probe is posted to",
    call: { path: "/healthz" },
    status: 405,
    code: -32600,
    says: /GET/,
    headers: { allow: "GET, HEAD" }
  },
  {
    when: "the secret is missing",
    call: { headers: { authorization: undefined } },
    status: 401,
    code: -31001,
    says: /Authorization: Bearer/,
    headers: { "www-authenticate": "Bearer" }
  },
  {
    when: "the secret is wrong",
    call: { headers: { authorization: "Bearer nonsense" } },
    status: 401,
    code: -31001,
    says: /agent-secret/,
    headers: { "www-authenticate": "Bearer" }
  },
  {
    when: "the scheme is not Bearer",
    call: { headers: { authorization: "Basic the-secret" } },
    status: 401,
    code: -31001,
    says: /Bearer/
  },
  {
    when: "a GET has no secret",
    call: { method: "GET", headers: { authorization: undefined } },
    status: 401,
    code: -31001,
    says: /Bearer/
  },
  {
    when: "Accept lacks event streams",
    call: { headers: { accept: "application/json" } },
    status: 406,
    code: -32600,
    says: /text\/event-stream/
  },
  {
    when: "Accept lacks JSON",
    call: { headers: { accept: "text/event-stream" } },
    status: 406,
    code: -32600,
    says: /application\/json/
  },
  { when: "Accept is missing", call: { headers: { accept: undefined } }, status: 406, code: -32600, says: /Accept/ },
  {
    when: "a GET does not accept event streams",
    call: { method: "GET", headers: { accept: "application/json" } },
    status: 406,
    code: -32600,
    says: /text\/event-stream/
  },
  {
    when: "Content-Type is wrong",
    call: { headers: { "content-type": "text/plain" } },
    status: 415,
    code: -32600,
    says: /application\/json/
  },
  {
    when: "Content-Type is missing",
    call: { headers: { "content-type": undefined } },
    status: 415,
    code: -32600,
    says: /application\/json/
  },
  {
    when: "the charset is another",
    call: { headers: { "content-type": "application/json; charset=utf-16" } },
    status: 415,
    code: -32600,
    says: /UTF-8/
  },
  {
    when: "the body is compressed",
    call: { headers: { "content-encoding": "gzip" } },
    status: 415,
    code: -32600,
    says: /Content-Encoding/
  },
  {
    when: "the body is too large",
    call: { body: "x".repeat(2000) },
    status: 413,
    code: -32600,
    says: /listen.maxBody/
  },
  {
    when: "the body is too large and its length unsaid",
    call: { body: "x".repeat(2000), headers: { "transfer-encoding": "chunked" } },
    status: 413,
    code: -32600,
    says: /1000 bytes/
  },
  { when: "the body is no JSON", call: { body: "{" }, status: 400, code: -32700, says: /JSON/ },
  {
    when: "the body is no UTF-8",
    call: { body: Buffer.from([0x22, 0xff, 0x22]) },
    status: 400,
    code: -32700,
    says: /UTF-8/
  },
  { when: "the body is empty", call: { body: "" }, status: 400, code: -32700, says: /JSON/ },
  { when: "the body is no JSON-RPC", call: { body: "{}" }, status: 400, code: -32600, says: /jsonrpc/ },
  {
    when: "the protocol version is unknown",
    call: { headers: { "mcp-protocol-version": "1999-01-01" } },
    status: 400,
    code: -32022,
    says: /1999-01-01.*2025-11-25/
  },
  {
    when: "the session to end is not named",
    call: { method: "DELETE" },
    status: 400,
    code: -32600,
    says: /Mcp-Session-Id/
  },
  {
    when: "the session to end is unknown",
    call: { method: "DELETE", headers: { "mcp-session-id": "unknown" } },
    status: 404,
    code: -31005,
    says: /session/
  }
]

describe("What the endpoint refuses", () => {
  const small = endpoint({}, { listen: { maxBody: "1000 B" } })

  it.live.each(refusals)(
    "answers $status and $code when $when",
    ({ call, code, headers = {}, says, status }) =>
      Effect.gen(function*() {
        const answer = yield* exchange(call)
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers["content-type"], "application/json")
        const { error, id, jsonrpc } = JSON.parse(answer.text)
        assert.strictEqual(jsonrpc, "2.0")
        assert.strictEqual(id, code === -32022 ? 1 : null)
        assert.strictEqual(error.code, code)
        assert.match(error.message, says)
        for (const [name, value] of Object.entries(headers)) assert.strictEqual(answer.headers[name], value)
      }).pipe(Effect.provide(small))
  )
})
