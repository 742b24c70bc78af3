import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { listening } from "./RawModern.ts"

describe("updates of a resource", () => {
  it.live("reach a session whose relay knows only subscriptions, over its restart too", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "modern" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const agent = yield* rawAgent(daemon)
      const stream = yield* agent.get()
      const { answer } = yield* agent.request("resources/subscribe", { uri: "relay://inbox" })
      assert.deepStrictEqual(answer.result, {})
      const said = yield* Effect.forkChild(stream.message)
      // Until the relay has the subscription, it says nothing of the resource.
      const saying = relay.control.resourceUpdated("relay://inbox").pipe(Effect.delay("100 millis"), Effect.forever)
      const { method, params } = yield* Effect.raceFirst(Fiber.join(said), saying).pipe(Effect.timeout("15 seconds"))
      assert.deepStrictEqual([method, params?.["uri"]], ["notifications/resources/updated", "relay://inbox"])
      yield* relay.forgetRequests
      yield* relay.restart()
      yield* eventually(
        "its subscription, asked for again",
        relay.requests,
        (all) =>
          all.some(({ body, rpcMethod }) => rpcMethod === "subscriptions/listen" && body.includes("relay://inbox"))
      )
    }))

  it.live("reach a subscription whose relay knows only sessions", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "legacy" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const { heard } = yield* listening(daemon, { resourceSubscriptions: ["relay://inbox"] })
      yield* eventually(
        "the relay's subscription",
        relay.requests,
        (all) =>
          all.some(({ body, rpcMethod }) => rpcMethod === "resources/subscribe" && body.includes("relay://inbox"))
      )
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > 0)
      yield* relay.control.resourceUpdated("relay://other")
      yield* relay.control.resourceUpdated("relay://inbox")
      const text = yield* eventually("the update", heard, (text) => text.includes("resources/updated"))
      assert.notInclude(text, "relay://other")
      assert.include(text, "\"io.modelcontextprotocol/subscriptionId\":\"listening\"")
    }))
})
