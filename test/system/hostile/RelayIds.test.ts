import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent, type RawReply } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { type Evil, hostileRelay, raw, resultOf, sseHead } from "./HostileRelay.ts"

const data = (text: string) => `data: ${text}\n\n`
const stream = (events: (id: string) => ReadonlyArray<string>): Evil => ({ id }, response) => {
  raw(response, sseHead, ...events(id).map(data))
  response.socket?.end()
}
const body = (text: (id: string) => string): Evil => ({ id }, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end(text(id))
}

const asked = Effect.fnUntraced(function*(evil: Evil, tool = "evil") {
  const relay = yield* hostileRelay({ evil })
  const daemon = yield* holdfast(relay.url)
  const agent = yield* rawAgent(daemon)
  yield* agent.request("tools/list")
  const reply = yield* agent.call(tool)
  assert.isTrue(yield* daemon.steady)
  return reply
}, Effect.scoped)

const onlyAnswer = (reply: RawReply, is: string) => {
  assert.strictEqual(reply.status, 200)
  assert.deepStrictEqual(reply.messages.map(({ result }) => result?.["is"]), [is], reply.text)
}

const isUnknown = (reply: RawReply) => {
  assert.strictEqual(reply.status, 200)
  assert.strictEqual(reply.messages.length, 1)
  assert.strictEqual(reply.answer.error?.code, -31002, reply.text)
  assert.strictEqual(reply.answer.error?.data?.["delivery"], "unknown")
}

/** What is passed on, what is collected because it only reads, what may be queued. */
const kinds = ["evil", "evil_read"]

describe.concurrent("a relay that answers", () => {
  for (const tool of kinds) {
    it.live(`${tool} under another id, in JSON, has not answered`, () =>
      Effect.map(asked(body(() => resultOf("999", "not yours")), tool), isUnknown))

    it.live(`${tool} under another id, in a stream, has not answered, and the agent sees nothing of it`, () =>
      Effect.map(asked(stream(() => [resultOf("999", "not yours")]), tool), isUnknown))

    it.live(`${tool} with what is no JSON, though it says so, has not answered`, () =>
      Effect.map(asked(body((id) => `{"jsonrpc":"2.0","id":${id},"resu`), tool), isUnknown))

    it.live(`${tool} with another's JSON has not answered`, () =>
      Effect.map(asked(body(() => `{"message":"Forbidden"}`), tool), isUnknown))

    it.live(`${tool} twice under one id is heard once, in a stream`, () =>
      Effect.map(
        asked(stream((id) => [resultOf("12", "stray"), resultOf(id, "first"), resultOf(id, "second")]), tool),
        (reply) => onlyAnswer(reply, "first")
      ))

    it.live(`${tool} twice under one id is heard once, in a batch`, () =>
      Effect.map(
        asked(
          stream((id) => [`[${resultOf("12", "stray")},${resultOf(id, "first")},${resultOf(id, "second")}]`]),
          tool
        ),
        (reply) => onlyAnswer(reply, "first")
      ))

    it.live(`${tool} under its id in another spelling has answered`, () =>
      Effect.map(asked(stream((id) => [resultOf(`${id}.0`, "spelt")]), tool), (reply) => onlyAnswer(reply, "spelt")))
  }

  it.live("a call in a batch of JSON is heard", () =>
    Effect.map(
      asked(body((id) => `[${resultOf("12", "stray")},${resultOf(id, "mine")}]`), "evil_read"),
      (reply) => onlyAnswer(reply, "mine")
    ))

  it.live("a call that may be queued under another id has not answered: it is sent again or told, never lost", () =>
    Effect.map(asked(body(() => resultOf("999", "not yours")), "relay_send_message"), isUnknown))

  it.live("with several messages in one event has said each of them", () =>
    Effect.gen(function*() {
      const notice = (n: number) =>
        `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":${n}}}`
      const reply = yield* asked(stream((id) => [`[${notice(1)},${notice(2)}]`, resultOf(id, "done")]))
      assert.deepStrictEqual(reply.messages.map(({ params, result }) => params?.["data"] ?? result?.["is"]), [
        1,
        2,
        "done"
      ])
    }))

  it.live("lists, pings and handshakes under another id gives nobody a list or a session that is another's", () =>
    Effect.scoped(Effect.gen(function*() {
      const relay = yield* hostileRelay()
      const daemon = yield* holdfast(relay.url)
      const agent = yield* rawAgent(daemon)
      const before = yield* agent.request("tools/list")
      relay.state.special = ({ rpc }, response) => {
        if (rpc !== "tools/list" && rpc !== "prompts/get") return false
        json(response, 200, { jsonrpc: "2.0", id: 999, result: { tools: [{ name: "planted" }] } })
        return true
      }
      const kept = yield* agent.request("tools/list")
      assert.deepStrictEqual(kept.answer.result?.tools, before.answer.result?.tools)
      assert.include(kept.text, "holdfast/stale")
      isUnknown(yield* agent.request("prompts/get", { name: "x" }))
    })))
})
