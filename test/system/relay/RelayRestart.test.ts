import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { defaultAgent } from "../../../src/domain/Ids.ts"
import { RelayLink } from "../../../src/relay/link/RelayLink.ts"
import { RelayClient } from "../../../src/relay/RelayClient.ts"
import { RelaySessions } from "../../../src/relay/session/RelaySession.ts"
import { next } from "../../support/incoming.ts"
import { relayLayers, Tokens } from "../../support/relay/relayLayers.ts"
import { TestRelay, type TestRelayOptions } from "../../support/relay/TestRelay.ts"

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }
})
const list = { text: `{"jsonrpc":"2.0","id":"a","method":"tools/list"}`, id: `"a"`, timeout: 10_000 }

/** A server of the official package that dies and comes back between two calls, and while a stream is open. */
const survives = (options: TestRelayOptions, tokens = new Tokens()) =>
  Effect.gen(function*() {
    const relay = yield* TestRelay.start(options)
    yield* Effect.gen(function*() {
      const client = yield* RelayClient
      const link = yield* RelayLink
      const session = yield* (yield* RelaySessions).make({
        agent: defaultAgent,
        seed: Effect.succeed({ initialize, replay: [] })
      })
      const listed = Effect.scoped(Effect.map(client.request(session, list), ({ status }) => status))
      assert.strictEqual(yield* listed, 200)
      const { answer } = yield* client.stream(session, undefined)
      yield* relay.kill
      const cut = answer.body._tag === "Sse" ? yield* Effect.flip(next(answer.body.events)) : undefined
      assert.strictEqual(cut?.reason._tag, "AnswerCutOff")
      yield* Effect.exit(listed)
      assert.strictEqual((yield* link.state)._tag, "Down")
      yield* relay.restart()
      yield* link.awaitUp
      assert.strictEqual(yield* listed, 200)
      const open = yield* session.current
      assert.strictEqual(Option.getOrThrow(open).generation, 2)
      yield* client.stream(session, undefined)
    }).pipe(Effect.scoped, Effect.provide(relayLayers(new URL(relay.url), {}, tokens)))
  })

describe("A relay that restarts", () => {
  it.live("is invisible where it answers a lost session with 404, and by SSE", () =>
    survives({ lostSessionStatus: 404, answers: "sse" }))
  it.live("is invisible where it answers a lost session with 400, and by JSON", () =>
    survives({ lostSessionStatus: 400, answers: "json" }))
  it.live("is invisible where it answers a lost session with 401, whatever the token", () =>
    survives({ lostSessionStatus: 401 }))
})
