import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent, type RawReply } from "../../support/RawAgent.ts"
import type { Received } from "../../support/relay/ScriptedRelay.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { type Evil, hostileRelay, raw, resultOf, sseHead } from "./HostileRelay.ts"

const call = (tool: string, args: object, meta: object = {}) => ({
  id: 7,
  method: "tools/call",
  params: { name: tool, arguments: args, _meta: meta }
})
const structured = ({ answer }: RawReply) => answer.result?.["structuredContent"]

describe.concurrent("an id that an agent uses twice at once", () => {
  for (const answers of ["json", "sse"] as const) {
    it.live(`gets each request its own answer from an official server that answers by ${answers}`, () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ answers, era: "legacy" })
        const daemon = yield* holdfast(new URL(relay.url))
        const agent = yield* rawAgent(daemon)
        const [slow, quick, sent, list] = yield* Effect.all([
          agent.post(call("slow", { millis: 700 })),
          Effect.delay(agent.post(call("echo", { text: "quick" })), "100 millis"),
          Effect.delay(agent.post(call("relay_send_message", { to: "b", text: "sent" })), "200 millis"),
          Effect.delay(agent.post({ id: 7, method: "tools/list", params: {} }), "300 millis")
        ], { concurrency: "unbounded" })
        for (const { answer, messages } of [slow, quick, sent, list]) {
          assert.strictEqual(answer.id, 7)
          assert.strictEqual(messages.length, 1)
        }
        assert.deepStrictEqual(structured(slow), { slept: 700 })
        assert.include(quick.text, "quick")
        assert.include(sent.text, "relay_send_message")
        assert.isDefined(list.answer.result?.tools)
        assert.strictEqual((yield* relay.ledger).length, 1)
      }))
  }

  it.live("is taken back for the first of them, and the second is answered", () =>
    Effect.gen(function*() {
      const answers: Array<() => void> = []
      const relay = yield* hostileRelay({
        evil: ({ id }, response) =>
          answers.push(() =>
            response.writeHead(200, { "content-type": "application/json" }).end(resultOf(id, `${answers.length}`))
          )
      })
      const daemon = yield* holdfast(relay.url)
      const agent = yield* rawAgent(daemon)
      const first = yield* Effect.forkScoped(agent.post(call("evil", {})))
      yield* eventually("the first", Effect.sync(() => answers.length), (count) => count === 1)
      const second = yield* Effect.forkScoped(agent.post(call("evil", {})))
      yield* eventually("the second", Effect.sync(() => answers.length), (count) => count === 2)
      yield* agent.post({ method: "notifications/cancelled", params: { requestId: 7 } })
      assert.isUndefined((yield* Fiber.join(first)).answer.result)
      answers[1]?.()
      const { answer } = yield* Fiber.join(second)
      assert.strictEqual(answer.id, 7)
      assert.isDefined(answer.result)
    }))
})

describe.concurrent("a batch", () => {
  const inPieces: Evil = ({ id }, response) => {
    response.writeHead(200, { "content-type": "application/json" })
    response.write(resultOf(id, "x").slice(0, 9))
    setTimeout(() => response.end(resultOf(id, "x").slice(9)), 50)
  }
  const inEvents: Evil = ({ id }, response) => {
    raw(response, sseHead, `data: ${resultOf(id, "x")}\n\n`)
    response.socket?.end()
  }
  for (const [how, evil] of Object.entries({ inPieces, inEvents })) {
    it.live(`with one id twice is answered twice, also where the relay answers ${how}`, () =>
      Effect.gen(function*() {
        const seen: Array<Received> = []
        const relay = yield* hostileRelay({
          version: "2025-03-26",
          evil: (request, response) => {
            seen.push(request)
            evil(request, response)
          }
        })
        const daemon = yield* holdfast(relay.url)
        const agent = yield* rawAgent(daemon, { version: "2025-03-26" })
        const one = { jsonrpc: "2.0", ...call("evil", {}) }
        const reply = yield* agent.post(JSON.stringify([one, one, { ...one, id: 8 }]))
        const answers: ReadonlyArray<{ id: number; result?: { is: string } }> = JSON.parse(reply.text)
        assert.deepStrictEqual(answers.map(({ id, result }) => [id, result?.is]), [[7, "x"], [7, "x"], [8, "x"]])
        assert.strictEqual(new Set(seen.map(({ id }) => id)).size, 3)
      }))
  }
})
