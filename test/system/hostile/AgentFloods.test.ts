import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { post, request } from "../eras/RawModern.ts"
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

  it.live("to be kept: a subscription of megabytes, megabytes of them, a level or roots with megabytes beside them", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay()
      const agent = yield* rawAgent(yield* holdfast(relay.url))
      const long = "x".repeat(70_000)
      for (const method of ["resources/subscribe", "logging/setLevel"]) {
        const { answer } = yield* agent.request(method, { uri: "file:///a", level: "info", pad: long })
        assert.include(answer.error?.message, "more than 65536 characters")
      }
      const uri = (index: number) => `file:///${index}`.padEnd(60_000, "y")
      const subscribed: Array<boolean> = []
      for (let index = 0; index < 6; index++) {
        const { answer } = yield* agent.request("resources/subscribe", { uri: uri(index) })
        subscribed.push(answer.result !== undefined)
        if (index === 5) assert.include(answer.error?.message, "end one first")
      }
      assert.deepStrictEqual(subscribed, [true, true, true, true, false, false])
      yield* agent.post({ method: "notifications/roots/list_changed", params: { _meta: { pad: long } } })
      // What a new relay session is told.
      const told = relay.received.length
      relay.state.special = ({ body, rpc }, response) => {
        if (rpc !== "tools/call") return false
        relay.state.special = () => false
        json(response, 404, { jsonrpc: "2.0", id: JSON.parse(body).id, error: { code: -32001, message: "gone" } })
        return true
      }
      assert.isDefined((yield* agent.call("good")).answer.result)
      const again = relay.received.slice(told).filter(({ rpc }) =>
        rpc === "resources/subscribe" || rpc === "notifications/roots/list_changed"
      )
      assert.strictEqual(again.filter(({ rpc }) => rpc === "resources/subscribe").length, 4)
      assert.isTrue(again.some(({ body, rpc }) => rpc === "notifications/roots/list_changed" && body.length < 200))
    }))

  it.live("of a listener: a thousand names are listened for at once, and no relay is asked for more", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay()
      const daemon = yield* holdfast(relay.url)
      const listen = (resourceSubscriptions: ReadonlyArray<string>) =>
        post(
          daemon,
          "subscriptions/listen",
          request("subscriptions/listen", { notifications: { resourceSubscriptions } })
        )
      const many = yield* listen(Array.from({ length: 1_001 }, (_, index) => `file:///${index}`))
      assert.include(many.text, "1000 resources and as many tasks")
      assert.include((yield* listen(["file:///".padEnd(300_000, "x")])).text, "262144 characters")
      assert.isFalse(relay.received.some(({ rpc }) => rpc === "resources/subscribe"))
    }))
})
