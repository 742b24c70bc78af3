import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { hostileRelay } from "./HostileRelay.ts"

const tool = (more: string) => `{"tools":[{"name":"good","inputSchema":{"type":"object"}},${more}]}`

/** Results of `tools/list` that no MCP server should give. */
const lists: ReadonlyArray<string> = [
  "null",
  "5",
  "[]",
  "{}",
  `{"tools":5}`,
  `{"tools":null}`,
  `{"tools":{"good":{}}}`,
  tool("null"),
  tool("5"),
  tool("{}"),
  tool(`{"name":5}`),
  tool(`{"name":"relay_send_message"}`),
  tool(`{"name":"relay_send_message","inputSchema":5,"annotations":5,"outputSchema":5}`),
  tool(`{"name":"relay_send_message","inputSchema":{"properties":{"idempotencyKey":null}}}`),
  tool(`{"name":"good"},{"name":"good"}`),
  `{"tools":[],"tools":[{"name":"good"}]}`,
  `{"tools":[],"nextCursor":5}`,
  `{"tools":[],"nextCursor":{}}`,
  `{"tools":[],"nextCursor":""}`,
  `{"tools":[],"_meta":5}`,
  `{"tools":[{"name":"${"x".repeat(100_000)}"}]}`,
  `{"tools":[{"name":"__proto__"},{"name":"constructor"}],"__proto__":{"tools":1}}`
]

/** Members of an answer to a call, beside its id. */
const answers: ReadonlyArray<string> = [
  `"result":null`,
  `"result":5`,
  `"result":[]`,
  `"result":{"content":5}`,
  `"result":{"content":[null,5,{"type":5}]}`,
  `"result":{"structuredContent":5}`,
  `"result":{"isError":"yes"}`,
  `"result":{"isError":true,"content":[null]}`,
  `"result":{"resultType":5}`,
  `"result":{"resultType":"input_required"}`,
  `"result":{"__proto__":{"isError":true}}`,
  `"error":{"code":1.5,"message":""}`,
  `"error":{"code":-32603,"message":"${"x".repeat(100_000)}"}`,
  `"error":{"code":"x","message":"y"}`,
  `"error":{"code":1}`,
  `"error":5`,
  `"error":null,"result":{}`,
  `"result":{},"error":{"code":1,"message":"both"}`,
  `"result":{},"method":"tools/call"`
]

const rig = Effect.fnUntraced(function*(of: (rpc: string, tool: string) => string | undefined) {
  const relay = yield* hostileRelay({
    evil: ({ id }, response) => json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: { content: [] } }),
    special: ({ body, id, rpc }, response) => {
      const members = rpc === "" ? undefined : of(rpc, JSON.parse(body).params?.name ?? "")
      if (members === undefined) return false
      response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},${members}}`)
      return true
    }
  })
  const daemon = yield* holdfast(relay.url)
  return { daemon, agent: yield* rawAgent(daemon) }
})

describe.concurrent("an agent is served by a relay that", () => {
  it.live("answers lists in any shape: nothing fails inside Holdfast, and calls go on", () =>
    Effect.gen(function*() {
      let list = ""
      const { agent, daemon } = yield* rig((rpc) => rpc === "tools/list" ? `"result":${list}` : undefined)
      for (list of lists) {
        const what = list.slice(0, 200)
        const listed = yield* agent.request("tools/list")
        assert.strictEqual(listed.status, 200, what)
        assert.strictEqual(listed.answer.id !== undefined, true, what)
        assert.notStrictEqual(listed.answer.error?.code, -32603, what)
        assert.isDefined((yield* agent.call("good")).answer.result, what)
        assert.notStrictEqual((yield* agent.call("relay_send_message")).answer.error?.code, -32603, what)
      }
      assert.isTrue(yield* daemon.steady)
    }))

  it.live("answers calls in any shape: each is passed on, or told as no answer", () =>
    Effect.gen(function*() {
      let answer = ""
      const { agent, daemon } = yield* rig((rpc, tool) => rpc === "tools/call" && tool !== "good" ? answer : undefined)
      yield* agent.request("tools/list")
      for (answer of answers) {
        for (const tool of ["evil", "evil_read", "relay_send_message", "relay_workspace_ready"]) {
          const what = `${tool}: ${answer.slice(0, 200)}`
          const reply = yield* agent.call(tool)
          assert.strictEqual(reply.status, 200, what)
          assert.strictEqual(reply.messages.length, 1, what)
          const { code } = reply.answer.error ?? {}
          assert.isFalse(code === -32603 && !answer.includes("-32603"), `${what} ${reply.text}`)
        }
      }
      assert.isDefined((yield* agent.call("good")).answer.result)
      assert.isTrue(yield* daemon.steady)
    }))

  it.live("refuses at length: no more than 500 characters of it are in what the agent is told", () =>
    Effect.gen(function*() {
      const words = "no ".repeat(20_000)
      const relay = yield* hostileRelay({
        evil: ({ id }, response) =>
          json(response, 403, { jsonrpc: "2.0", id: JSON.parse(id), error: { code: -32000, message: words } })
      })
      const agent = yield* rawAgent(yield* holdfast(relay.url))
      const { answer, text } = yield* agent.call("evil")
      assert.strictEqual(answer.error?.code, -31002)
      assert.include(text, "no no no")
      assert.isBelow(text.length, 1000)
    }))

  it.live("lists what is no list: items without names, or more of them than anybody has; the last good one serves", () =>
    Effect.gen(function*() {
      const good = `{"tools":[{"name":"good","inputSchema":{"type":"object"}}]}`
      let list = good
      const { agent, daemon } = yield* rig((rpc) => rpc === "tools/list" ? `"result":${list}` : undefined)
      yield* agent.request("tools/list")
      const named = `{"name":"x"},`
      for (
        list of [
          `{"tools":[${"1,".repeat(7_900_000)}1]}`,
          `{"tools":[${"{},".repeat(5_000_000)}{}]}`,
          `{"tools":[${named.repeat(10_000)}{"name":"y"}]}`,
          `{"tools":[{"name":"x"},{"title":"no name"}]}`,
          `{"tools":["x"]}`
        ]
      ) {
        const what = list.slice(0, 40)
        const [listed, beside] = yield* Effect.all([agent.request("tools/list"), agent.call("good")], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(toolsOf(listed.answer.result), ["good"], what)
        assert.isDefined(beside.answer.result, what)
      }
      assert.isTrue(yield* daemon.steady)
    }))
})

const toolsOf = (result: unknown): ReadonlyArray<unknown> =>
  Predicate.hasProperty(result, "tools") && Array.isArray(result.tools)
    ? result.tools.map((tool: unknown) => Predicate.hasProperty(tool, "name") ? tool.name : tool)
    : []
