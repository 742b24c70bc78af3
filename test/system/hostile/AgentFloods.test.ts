import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { hostileRelay } from "./HostileRelay.ts"

const notification = { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, progress: 1 } }

describe.concurrent("an agent that asks for too much", () => {
  it.live("at once: 64 of its requests run, and the relay has 256 connections at most", () =>
    Effect.gen(function*() {
      const held: Array<() => void> = []
      const open = { now: 0, most: 0, released: false }
      const relay = yield* hostileRelay({
        evil: ({ id }, response) => {
          const answer = () => {
            open.now--
            json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: { content: [] } })
          }
          open.most = Math.max(open.most, ++open.now)
          if (open.released) answer()
          else held.push(answer)
        }
      })
      const agent = yield* rawAgent(yield* holdfast(relay.url))
      const calls = yield* Effect.forkScoped(
        Effect.all(Array.from({ length: 300 }, () => agent.call("evil")), { concurrency: "unbounded" })
      )
      yield* eventually("the calls that have their turn", Effect.sync(() => held.length), (calls) => calls >= 64)
      yield* Effect.sleep("500 millis")
      open.released = true
      for (const answer of held) answer()
      const answers = yield* Fiber.join(calls)
      assert.isTrue(answers.every(({ answer }) => answer.result !== undefined))
      assert.strictEqual(open.most, 64)
    }))

  it.live("in one message: a batch of thousands, values without end, an initialize of megabytes", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay({ version: "2025-03-26" })
      const daemon = yield* holdfast(relay.url)
      const old = yield* rawAgent(daemon, { version: "2025-03-26" })
      const batch = yield* old.post(JSON.stringify(Array.from({ length: 4_000 }, () => notification)))
      assert.strictEqual(batch.status, 400)
      assert.include(batch.text, "100 at most")

      const wide = Object.fromEntries(Array.from({ length: 300_000 }, (_, n) => [`k${n}`, 1]))
      const params = { name: "good", arguments: wide }
      const call = yield* old.post(JSON.stringify({ jsonrpc: "2.0", id: nextId(), method: "tools/call", params }))
      assert.strictEqual(call.status, 400)
      assert.include(call.text, "values")

      const greeting = {
        jsonrpc: "2.0",
        id: nextId(),
        method: "initialize",
        params: {
          protocolVersion: "2025-11-25",
          capabilities: { experimental: { pad: { x: "x".repeat(3_900_000) } } },
          clientInfo: { name: "large", version: "1" }
        }
      }
      const opened = yield* old.post(JSON.stringify(greeting))
      assert.strictEqual(opened.status, 400)
      assert.isDefined((yield* old.call("good")).answer.result)
    }))
})
