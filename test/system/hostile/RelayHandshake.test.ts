import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { hostileRelay } from "./HostileRelay.ts"

const well = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "r", version: "1" } }

/** What a relay may answer to `initialize`, as its result. */
const results: Readonly<Record<string, unknown>> = {
  "null": null,
  "a number": 5,
  "a text": "hello",
  "a list": [1, 2],
  "nothing": {},
  "a version that is a number": { ...well, protocolVersion: 5 },
  "a version that no header can carry": { ...well, protocolVersion: "2025\r\nx-evil: 1\u2192" },
  "a version that nobody knows": { ...well, protocolVersion: "1999-01-01" },
  "capabilities that are none": { ...well, capabilities: null },
  "capabilities that are a list": { ...well, capabilities: [] },
  "tools that are true": { ...well, capabilities: { tools: true } },
  "instructions of a megabyte": { ...well, instructions: "x".repeat(1024 * 1024) },
  "nesting": { ...well, _meta: JSON.parse(`${"[".repeat(900)}${"]".repeat(900)}`) }
}

const sessions: Readonly<Record<string, string>> = {
  "empty": "",
  "of bytes beyond ASCII": "s\u00e9ssion",
  "of ten thousand letters": "s".repeat(10_000),
  "that looks like a header": "a; b=c, d"
}

const connected = Effect.fnUntraced(function*(result: unknown, session = "s") {
  const relay = yield* hostileRelay({
    special: ({ id, rpc }, response) => {
      if (rpc !== "initialize") return false
      json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result }, { "mcp-session-id": session })
      return true
    }
  })
  const daemon = yield* holdfast(relay.url)
  const agent = yield* rawAgent(daemon)
  const hello = agent.hello.answer.result
  assert.strictEqual(agent.hello.status, 200)
  assert.isString(hello?.["protocolVersion"], agent.hello.text.slice(0, 300))
  assert.isObject(hello?.["capabilities"])
  assert.isObject(hello?.["serverInfo"])
  const listed = yield* agent.request("tools/list")
  assert.strictEqual(listed.status, 200)
  assert.isAbove(listed.answer.result?.tools?.length ?? 0, 0, listed.text.slice(0, 300))
  assert.isDefined((yield* agent.call("good")).answer.result)
  assert.isFalse(relay.received.some(({ headers }) => headers["x-evil"] !== undefined))
  assert.isTrue(yield* daemon.steady)
}, Effect.scoped)

describe.concurrent("a relay that says megabytes of itself", () => {
  it.live("has no session, and the agent is told so; nothing of it is kept", () =>
    Effect.gen(function*() {
      const large = { ...well, instructions: "x".repeat(3 * 1024 * 1024) }
      const relay = yield* hostileRelay({
        special: ({ id, rpc }, response) => {
          if (rpc !== "initialize") return false
          json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: large }, { "mcp-session-id": "s" })
          return true
        }
      })
      const agent = yield* rawAgent(yield* holdfast(relay.url))
      assert.notInclude(agent.hello.text, "xxx")
      const call = yield* agent.call("good")
      assert.include(call.text, "2097152 characters of itself")
    }))
})

describe.concurrent("an agent is served by a relay whose", () => {
  for (const [what, result] of Object.entries(results)) {
    it.live(`handshake says ${what}`, () => connected(result))
  }
  for (const [what, session] of Object.entries(sessions)) {
    it.live(`session id is one ${what}`, () => connected(well, session))
  }
})
