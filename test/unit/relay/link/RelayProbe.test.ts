import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { ServerResponse } from "node:http"
import { RelayEra } from "../../../../src/relay/link/RelayEra.ts"
import { RelayProbe } from "../../../../src/relay/link/RelayProbe.ts"
import { RelayTransport } from "../../../../src/relay/transport/RelayTransport.ts"
import { liveToken, Tokens } from "../../../support/relay/relayLayers.ts"
import { handshake, json, page, type Received, scriptedRelay, target } from "../../../support/relay/ScriptedRelay.ts"

const probing = <A, E>(
  url: URL,
  use: (once: RelayProbe["Service"]["once"]) => Effect.Effect<A, E>,
  probeTimeout = "30 seconds"
) =>
  Effect.flatMap(RelayProbe, ({ once }) => use(once)).pipe(
    Effect.provide(
      RelayProbe.layer.pipe(
        Layer.provide([RelayTransport.layer, RelayEra.layer]),
        Layer.provide([target(url, { link: { probeTimeout } }), liveToken(new Tokens("token"))])
      )
    )
  )

const pong = ({ id }: Received, response: ServerResponse) =>
  json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: {} })

describe("RelayProbe", () => {
  it.live("asks what the relay is, opens one control session where it is of the legacy era, pings in it, and ends it", () =>
    Effect.gen(function*() {
      const relay = yield* scriptedRelay((request, response) => {
        if (!handshake(request, response, "control")) pong(request, response)
      })
      yield* probing(relay.url, (once) => Effect.all([once, once, once]))
      assert.deepStrictEqual(relay.received.map(({ method, rpc }) => rpc || method), [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "ping",
        "ping",
        "DELETE"
      ])
      assert.isTrue(relay.received.every(({ headers }) => headers.authorization === "Bearer token"))
    }))

  it.live("opens another control session within the same probe where the relay has forgotten the first", () =>
    Effect.gen(function*() {
      let session = 0
      const relay = yield* scriptedRelay((request, response) => {
        if (request.rpc === "initialize") session++
        if (handshake(request, response, `s${session}`)) return
        if (session > 1 && request.headers["mcp-session-id"] === "s2") return pong(request, response)
        response.writeHead(404).end()
      })
      yield* probing(relay.url, (once) => Effect.all([once, once, once]))
      assert.strictEqual(session, 2)
    }))

  it.live("asks a relay of the modern era nothing else", () =>
    Effect.gen(function*() {
      const result = { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: {} }
      const relay = yield* scriptedRelay(({ id }, response) =>
        json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result })
      )
      yield* probing(relay.url, (once) => Effect.all([once, once]))
      assert.deepStrictEqual(relay.received.map(({ rpc }) => rpc), ["server/discover", "server/discover"])
      assert.isTrue(relay.received.every(({ headers }) =>
        headers["mcp-method"] === "server/discover" && headers["mcp-protocol-version"] === "2026-07-28"
      ))
    }))

  it.live("takes every answer for a sign of life, refusals included", () =>
    Effect.gen(function*() {
      const answers: ReadonlyArray<(request: Received, response: ServerResponse) => void> = [
        (_, response) => page(response, 401),
        (_, response) => void response.writeHead(403).end(),
        (_, response) => page(response, 429),
        ({ id }, response) =>
          json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), error: { code: -32601, message: "modern only" } }),
        (_, response) =>
          json(response, 400, { jsonrpc: "2.0", id: null, error: { code: -32022, message: "unsupported version" } })
      ]
      for (const answer of answers) {
        const relay = yield* scriptedRelay(answer)
        yield* probing(relay.url, (once) => once)
      }
    }))

  it.live("fails where a page answers, where the relay hangs, and where nobody listens", () =>
    Effect.gen(function*() {
      const deploy = yield* scriptedRelay((_, response) => page(response, 404))
      assert.strictEqual((yield* Effect.flip(probing(deploy.url, (once) => once))).reason._tag, "NotJsonRpc")
      const hung = yield* scriptedRelay((_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
      })
      const silent = yield* Effect.flip(probing(hung.url, (once) => once, "100 millis"))
      assert.strictEqual(silent.reason._tag, "Silent")
      const gone = new URL("http://127.0.0.1:1/mcp")
      assert.strictEqual((yield* Effect.flip(probing(gone, (once) => once))).reason._tag, "ConnectFailed")
    }))
})
