/** Questions across the eras, and their answers, from peers that mean harm. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { answerIn, envelope, post, request } from "../eras/RawModern.ts"
import { hostileRelay, resultOf } from "./HostileRelay.ts"

const asking = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { elicitation: {} } }
const form = (id: string, message: string) =>
  `data: {"jsonrpc":"2.0","id":"${id}","method":"elicitation/create","params":{"message":"${message}"}}\n\n`

describe.concurrent("questions", () => {
  it.live("of a relay that goes on asking: 100 wait for their agent, or 1 MiB of them, and the rest are refused", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay()
      const daemon = yield* holdfast(relay.url)
      const floods = [
        { questions: 300, message: "Sure?", open: 100 },
        { questions: 5, message: "x".repeat(400_000), open: 2 }
      ]
      for (const [index, { message, open, questions }] of floods.entries()) {
        relay.state.evil = (_, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.write(Array.from({ length: questions }, (_, n) => form(`${index}-${n}`, `${n} ${message}`)).join(""))
        }
        const said = yield* post(
          daemon,
          "tools/call",
          request("tools/call", { name: "evil", arguments: {}, _meta: asking }, index),
          { "mcp-name": "evil" }
        )
        const { result } = JSON.parse(answerIn(said))
        assert.strictEqual(result.resultType, "input_required", said.text.slice(0, 500))
        assert.isAtMost(Object.keys(result.inputRequests).length, open)
        const refused = Effect.sync(() =>
          relay.received.filter(({ body }) => body.includes(`"id":"${index}-`) && body.includes("-32601")).length
        )
        yield* eventually("the refusals", refused, (count) => count === questions - open)
      }
    }))

  it.live("of a relay under an id of more than 1,024 characters are not passed on", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay({
        evil: ({ id }, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.end(
            form("x".repeat(1_100), "long") + form("short", "well") + `data: ${resultOf(id, "the answer")}\n\n`
          )
        }
      })
      const agent = yield* rawAgent(yield* holdfast(relay.url), { capabilities: { elicitation: {} } })
      const { messages } = yield* agent.call("evil")
      assert.deepStrictEqual(messages.map(({ id }) => typeof id), ["string", "number"])
      assert.strictEqual(messages[0]?.id, "short")
    }))

  it.live("that an agent answers tens of thousands of in one round hold nobody up for minutes", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay()
      const daemon = yield* holdfast(relay.url)
      const inputResponses = Object.fromEntries(Array.from({ length: 90_000 }, (_, index) => [`k${index}`, 1]))
      const requestState = `holdfast.nobody.${Buffer.from("{}").toString("base64url")}`
      const round = request("tools/call", { name: "good", arguments: {}, _meta: asking, inputResponses, requestState })
      const said = yield* post(daemon, "tools/call", round, { "mcp-name": "good" })
      assert.include(said.text, "may have been carried out")
    }))
})
