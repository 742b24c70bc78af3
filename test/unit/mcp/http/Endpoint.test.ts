import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as fc from "fast-check"
import { Agent } from "node:http"
import { connect } from "node:net"
import { Endpoint } from "../../../../src/mcp/http/Endpoint.ts"
import { ExtraRoutes } from "../../../../src/mcp/http/ExtraRoutes.ts"
import { PortTaken, RememberedPort } from "../../../../src/mcp/http/Listener.ts"
import { exchange, ping } from "../../../support/RawClient.ts"
import { answerTo, endpoint, recording } from "../../../support/ScriptedGateway.ts"

describe("Endpoint", () => {
  it.live("serves loopback by each of its names, and hosts and origins that are listed", () =>
    Effect.gen(function*() {
      for (
        const host of [
          "localhost",
          "LOCALHOST:4851",
          "127.0.0.1:1",
          "127.8.8.8",
          "[::1]",
          "[::1]:4851",
          "mine.example",
          "mine.example:80",
          "other.example:81"
        ]
      ) {
        assert.strictEqual((yield* exchange({ headers: { host } })).status, 200, host)
      }
      assert.strictEqual((yield* exchange({ headers: { host: "other.example" } })).status, 403)
      for (const origin of ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:1", "vscode-webview://mine"]) {
        assert.strictEqual((yield* exchange({ headers: { origin } })).status, 200, origin)
      }
    }).pipe(Effect.provide(endpoint({}, {
      listen: { allowedHosts: ["Mine.example", "other.example:81"], allowedOrigins: ["vscode-webview://mine"] }
    }))))

  it.live("checks the host before the path, the path before the verb, the verb before the secret, the secret before the rest", () =>
    Effect.gen(function*() {
      const wrong = { headers: { accept: "no/type", "content-type": "no/type", authorization: "nothing" }, body: "{" }
      const host = { headers: { ...wrong.headers, host: "evil.example" } }
      const statuses = yield* Effect.forEach([
        { ...wrong, ...host, path: "/nothing", method: "PUT" },
        { ...wrong, path: "/nothing", method: "PUT" },
        { ...wrong, method: "PUT" },
        wrong,
        { ...wrong, headers: { ...wrong.headers, authorization: "Bearer the-secret" } }
      ], (call) => Effect.map(exchange(call), (answer) => answer.status))
      assert.deepStrictEqual(statuses, [403, 404, 405, 401, 406])
    }).pipe(Effect.provide(endpoint())))

  it.live("answers the probes of clients that look for an authorization server with 404, with or without a secret", () =>
    Effect.gen(function*() {
      for (
        const path of [
          "/.well-known/oauth-protected-resource",
          "/.well-known/oauth-authorization-server/mcp",
          "/mcp/.well-known/openid-configuration",
          "/mcp/.well-known"
        ]
      ) {
        assert.strictEqual(
          (yield* exchange({ method: "GET", path, headers: { authorization: undefined } })).status,
          404
        )
      }
    }).pipe(Effect.provide(endpoint())))

  it.live("gives the gateway the message as it came, the agent, and only the headers that may pass", () => {
    const { post, posts } = recording()
    return Effect.gen(function*() {
      const body = `{ "jsonrpc": "2.0", "id": 12345678901234567890, "method": "tools/list" }`
      const answer = yield* exchange({
        path: "/mcp/other?x=1",
        body,
        headers: {
          accept: "*/*",
          "content-type": "application/json; charset=UTF-8",
          cookie: "a=b",
          "mcp-session-id": "s1",
          "mcp-protocol-version": "2025-11-25",
          "mcp-param-region": "eu",
          "mcp-method": "tools/list",
          traceparent: "00-1-2-01",
          "x-forwarded-for": "1.2.3.4"
        }
      })
      assert.strictEqual(answer.text, answerTo("12345678901234567890", "tools/list"))
      const [given] = posts
      assert.strictEqual(given?.agent, "alice")
      assert.strictEqual(given?.session, "s1")
      assert.strictEqual(given?.message.text, body)
      assert.deepStrictEqual(given?.headers, {
        "mcp-param-region": "eu",
        "mcp-method": "tools/list",
        traceparent: "00-1-2-01"
      })
    }).pipe(Effect.provide(endpoint({ post })))
  })

  it.live("answers notifications 202 and nothing, and an ended session 200", () =>
    Effect.gen(function*() {
      const accepted = yield* exchange({ body: `{"jsonrpc":"2.0","method":"notifications/initialized"}` })
      assert.strictEqual(accepted.status, 202)
      assert.strictEqual(accepted.text, "")
      assert.strictEqual((yield* exchange({ method: "DELETE", headers: { "mcp-session-id": "known" } })).status, 200)
    }).pipe(Effect.provide(endpoint())))

  it.live("never lets credentials or redirects leave towards the agent", () =>
    Effect.gen(function*() {
      const { headers } = yield* exchange()
      for (const name of ["set-cookie", "www-authenticate", "location"]) assert.isUndefined(headers[name])
      assert.strictEqual(headers["mcp-session-id"], "s1")
      assert.strictEqual(headers["content-length"], "2")
    }).pipe(Effect.provide(endpoint({
      post: (_, connection) =>
        connection.reply(200, "{}", {
          "mcp-session-id": "s1",
          "Set-Cookie": "a",
          "WWW-Authenticate": "b",
          Location: "c",
          "Content-Length": "99"
        })
    }))))

  it.live("answers a defect of its own with 500 and -32603, and goes on", () => {
    let calls = 0
    return Effect.gen(function*() {
      const answer = yield* exchange()
      assert.strictEqual(answer.status, 500)
      assert.strictEqual(JSON.parse(answer.text).error.code, -32603)
      assert.strictEqual((yield* exchange()).status, 200)
    }).pipe(Effect.provide(
      endpoint({
        post: (post, connection) => {
          if (calls++ === 0) throw new Error("scripted")
          recording().post(post, connection)
        }
      }).pipe(Layer.provide(Logger.layer([])))
    ))
  })

  it.live("answers what is not HTTP in JSON-RPC, too", () =>
    Effect.gen(function*() {
      const { port } = yield* Endpoint
      const answer = yield* Effect.callback<string>((resume) => {
        let text = ""
        const socket = connect(port, "127.0.0.1", () => socket.write("nonsense\r\n\r\n"))
        socket.on("data", (chunk) => text += String(chunk))
        socket.on("close", () => resume(Effect.succeed(text)))
      })
      assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n/)
      assert.match(answer, /"code":-32600/)
    }).pipe(Effect.provide(endpoint())))

  it.live("survives any Host and any Origin", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<Endpoint>()
      const value = fc.string().filter((text) => !/[^\x20-\x7e]/.test(text) && text.trim() !== "")
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(value, async (text) => {
            const run = Effect.runPromiseWith(context)
            const host = await run(exchange({ headers: { host: text } }))
            const origin = await run(exchange({ headers: { origin: text } }))
            assert.deepStrictEqual([host.status, origin.status], [403, 403])
          }),
          { numRuns: 30 }
        )
      )
    }).pipe(Effect.provide(endpoint())))

  it.live("tells probes that it is alive and how ready it is, and scrapers its metrics", () =>
    Effect.gen(function*() {
      const get = { method: "GET", headers: { authorization: undefined, accept: undefined } }
      assert.strictEqual((yield* exchange({ ...get, path: "/healthz" })).text, "ok\n")
      const ready = yield* exchange({ ...get, path: "/readyz" })
      assert.strictEqual(ready.status, 503)
      assert.deepStrictEqual(JSON.parse(ready.text), { ready: false, degraded: ["the disk is full"] })
      const metrics = yield* exchange({ ...get, path: "/metrics" })
      assert.match(metrics.headers["content-type"] ?? "", /^text\/plain; version=0.0.4/)
      assert.match(metrics.text, /^holdfast_streams 0$/m)
    }).pipe(Effect.provide(
      endpoint({}, {}, undefined, { ready: false, degraded: ["the disk is full"] })
    )))

  it.live("delegates what is mounted, behind the guard of the host", () =>
    Effect.gen(function*() {
      const routes = yield* ExtraRoutes
      yield* routes.mount("/api", (request, response) => response.end(`api ${request.url}`))
      yield* routes.mount("/", (_, response) => response.end("dashboard"))
      assert.strictEqual((yield* exchange({ path: "/api/status", body: "" })).text, "api /api/status")
      assert.strictEqual((yield* exchange({ method: "GET", path: "/" })).text, "dashboard")
      assert.strictEqual((yield* exchange({ method: "GET", path: "/apis" })).status, 404)
      assert.strictEqual((yield* exchange({ path: "/api", headers: { host: "evil.example" } })).status, 403)
    }).pipe(Effect.provide(endpoint())))

  it.live("keeps the port that it picked over restarts", () =>
    Effect.gen(function*() {
      const remembered = yield* Layer.build(RememberedPort.layerMemory)
      const ports = yield* Effect.forEach([1, 2], () =>
        Effect.map(Endpoint, ({ port }) => port).pipe(
          Effect.provide(endpoint({}, {}, Layer.succeedContext(remembered)))
        ))
      assert.strictEqual(ports[0], ports[1])
      assert.isAbove(ports[0]!, 0)
    }))

  it.live("says which port is taken and what to do about it", () =>
    Effect.gen(function*() {
      const { port, url } = yield* Endpoint
      assert.strictEqual(url, `http://127.0.0.1:${port}/mcp`)
      const failure = yield* Effect.flip(Layer.build(Layer.fresh(endpoint({}, { listen: { port } }))))
      assert.instanceOf(failure, PortTaken)
      assert.include(failure.message, String(port))
      assert.include(failure.message, "--port")
    }).pipe(Effect.provide(endpoint())))

  it.live("answers requests on open connections with -31003 once it is stopping, and takes no new ones", () =>
    Effect.gen(function*() {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      yield* exchange({ agent })
      yield* (yield* Endpoint).stopAccepting
      const refused = yield* exchange({ agent })
      assert.strictEqual(refused.status, 200)
      assert.strictEqual(JSON.parse(refused.text).error.code, -31003)
      assert.strictEqual(JSON.parse(refused.text).id, 1)
      assert.isTrue((yield* Effect.exit(exchange()))._tag === "Failure")
    }).pipe(Effect.provide(endpoint())))

  it.live("passes notifications on while it is stopping", () => {
    const { post, posts } = recording()
    return Effect.gen(function*() {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      yield* exchange({ agent, body: ping })
      yield* (yield* Endpoint).stopAccepting
      yield* exchange({ agent, body: `{"jsonrpc":"2.0","method":"notifications/cancelled"}` })
      assert.deepStrictEqual(posts.map(({ message }) => message._tag), ["Request", "Notification"])
    }).pipe(Effect.provide(endpoint({ post })))
  })
})
