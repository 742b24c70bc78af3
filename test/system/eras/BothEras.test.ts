import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertQueued } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { callsOf } from "./callsOf.ts"
import { listening, post, request } from "./RawModern.ts"

describe("in front of a relay of both eras", () => {
  it.live("a queued call is delivered in the era of the agent that made it", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const legacy = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      const modern = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true })
      yield* Effect.all([legacy.toolNames, modern.toolNames])
      yield* relay.kill
      assertQueued(yield* legacy.call("relay_send_message", { to: "b", text: "legacy" }))
      assertQueued(yield* modern.call("relay_send_message", { to: "b", text: "modern" }))
      yield* relay.forgetRequests
      yield* relay.restart()
      const [first, second] = yield* callsOf(relay, "relay_send_message", 2)
      assert.isString(first?.headers["mcp-session-id"])
      assert.notInclude(first?.body ?? "", "io.modelcontextprotocol")
      assert.isUndefined(second?.headers["mcp-session-id"])
      assert.strictEqual(second?.headers["mcp-method"], "tools/call")
      assert.include(second?.body ?? "", "io.modelcontextprotocol/clientCapabilities")
    }))

  it.live("what one process of an agent has listed is news to another that listens", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      yield* post(daemon, "tools/list", request("tools/list"))
      const { heard } = yield* listening(daemon, { toolsListChanged: true })
      yield* relay.control.putTool({ name: "new", inputSchema: { type: "object" } }, false)
      assert.include((yield* post(daemon, "tools/list", request("tools/list"))).text, "\"new\"")
      yield* eventually("list_changed", heard, (text) => text.includes("list_changed"), "5 seconds")
    }))

  it.live(
    "list_changed waits for a request of its own where the agent sends batches (2025-03-26)",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon, { version: "2025-03-26" })
        yield* agent.request("tools/list")
        yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/tmp", branch: "b" })
        for (let id = 0; id < 20; id++) {
          const { messages } = yield* agent.post(`[{"jsonrpc":"2.0","id":${id},"method":"ping"}]`)
          assert.lengthOf(messages, 1)
          yield* Effect.sleep("50 millis")
        }
        const heard = Effect.map(agent.request("ping"), ({ messages }) => messages.map(({ method }) => method))
        yield* eventually("list_changed", heard, (methods) => methods.includes("notifications/tools/list_changed"))
      })
  )
})
