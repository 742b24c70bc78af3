import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { isQueued, texts, timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { nextId, type RawAgent, rawAgent, type RawReply } from "../../support/RawAgent.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const badDays = {
  "a 502": Answer.badGateway,
  "a 503": Answer.unavailable,
  "a 504": Answer.gatewayTimeout,
  "a deploy's 404 page": Answer.deployPage,
  "a firewall's 403 page": Answer.wafPage,
  "a portal's 200": Answer.portalPage,
  "a redirect": Answer.redirect("http://127.0.0.1:1/evil"),
  "a reset": Answer.reset,
  "half an answer, cleanly ended": Answer.half("clean"),
  "half an answer, broken off": Answer.half("broken"),
  "a 403 of its own": Answer.forbidden,
  "a 429": Answer.tooManyRequests(1),
  "a 401 with a challenge": Answer.http(401, "{}", {
    "www-authenticate": "Bearer resource_metadata=\"http://127.0.0.1:1/evil\"",
    "set-cookie": "evil=1",
    "location": "http://127.0.0.1:1/evil"
  })
}

const notSent = new Set(["a 503", "a 429", "a 401 with a challenge"])

/** How often the link went Down since the daemon started. */
const outages = Effect.fnUntraced(function*(daemon: Daemon) {
  const metrics = yield* Effect.promise(() =>
    fetch(new URL("/metrics", daemon.url)).then((response) => response.text())
  )
  return /^holdfast_link_outages\S*? (\d+)$/m.exec(metrics)?.[1] ?? "0"
})

const send = (agent: RawAgent, text: string) => agent.call("relay_send_message", { to: "b", text })
const queued = ({ answer }: RawReply) => isQueued({ structuredContent: answer.result?.["structuredContent"] })

layer(Rig.layer({ relay: { answers: "json" } }), { excludeTestServices: true })("a relay with", (it) => {
  it.effect.each(Object.entries(badDays))(
    "%s for one call costs that call alone, and says what is known",
    ([name, answer]) =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const agent = yield* rawAgent(daemon)
        // A busy machine may start the relay so late that this is an outage already.
        const before = yield* outages(daemon)
        // Half of a JSON answer can be taken back only where it was not passed on as it came.
        const tool = name.startsWith("half") ? "echo" : "slow"
        yield* relay.control.answerNext(2, answer, { tool })
        const { millis, value: reply } = yield* timed(agent.call(tool, { millis: 1 }))
        yield* relay.control.answerAsUsual
        assert.isBelow(millis, 3000)
        assert.strictEqual(reply.status, 200)
        assert.strictEqual(reply.answer.error?.code, -31002)
        assert.strictEqual(reply.answer.error?.data?.["delivery"], notSent.has(name) ? "not sent" : "unknown")
        assert.notInclude(JSON.stringify([reply.text, reply.headers]), "evil")
        for (const header of ["www-authenticate", "set-cookie", "location", "authorization", "cookie"]) {
          assert.notProperty(reply.headers, header)
        }
        assert.isDefined((yield* agent.call("echo", { text: "still there" })).answer.result)
        assert.strictEqual(yield* outages(daemon), before)
      })
  )

  it.effect.each(["$ID", "null"] as const)(
    "a 429 of its own under the id %s is passed on as it came, unless the call may be queued",
    (id) =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const agent = yield* rawAgent(daemon)
        // A busy machine may start the relay so late that this is an outage already.
        const before = yield* outages(daemon)
        yield* relay.control.answerNext(1, Answer.rateLimited(7, id), { tool: "echo" })
        const sent = nextId()
        const reply = yield* agent.post({ id: sent, method: "tools/call", params: { name: "echo", arguments: {} } })
        assert.strictEqual(reply.status, 429)
        assert.strictEqual(reply.headers["retry-after"], "7")
        assert.deepStrictEqual<unknown>(reply.answer, {
          jsonrpc: "2.0",
          id: sent,
          error: { code: -32029, message: "3 calls a second", data: { limit: 3 } }
        })
        yield* relay.control.answerNext(1, Answer.rateLimited(1, id), { tool: "relay_send_message" })
        const write = yield* send(agent, `limited ${id}`)
        assert.isTrue(queued(write), write.text)
        yield* eventually("the write", texts(relay), (found) => found.includes(`limited ${id}`))
        assert.strictEqual(yield* outages(daemon), before)
      })
  )
})

describe.concurrent("beside a relay that", () => {
  it.live(
    "is slow and well, a call of 12 silent seconds succeeds, as a stream with comments",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ answers: "json" })
        const daemon = yield* Daemon.start({
          relayUrl: relay.url,
          env: { HOLDFAST_STREAMS_ANSWER_COMMENT: "500 millis" }
        })
        const agent = yield* rawAgent(daemon)
        const { millis, value: stream } = yield* timed(agent.open({
          id: 7,
          method: "tools/call",
          params: { name: "silent", arguments: { millis: 12_000 } }
        }))
        assert.isAbove(millis, 9500)
        assert.isBelow(millis, 11_000)
        assert.strictEqual(stream.headers["content-type"], "text/event-stream")
        const lines = yield* stream.rest
        assert.isTrue(lines.some(({ comment }) => comment !== undefined))
        assert.include(lines.at(-1)?.data ?? "", "12000")
      })
  )

  it.live(
    "hangs, a read ends with what is known, and a call that may be queued is; both within 25 s",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ answers: "json" })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        yield* agent.request("tools/list")
        yield* relay.stop
        const read = yield* Effect.forkScoped(timed(agent.call("echo", { text: "hello?" })))
        const write = yield* Effect.forkScoped(timed(send(agent, "held")))
        const sent = yield* Fiber.join(write)
        assert.isTrue(queued(sent.value), sent.value.text)
        assert.isBelow(sent.millis, 12_000)
        const told = yield* Fiber.join(read)
        assert.isBelow(told.millis, 25_000)
        assert.strictEqual(told.value.answer.error?.code, -31002)
        assert.strictEqual(told.value.answer.error?.data?.["delivery"], "unknown")
        assert.isString(told.value.answer.error?.data?.["since"])
        const next = yield* timed(send(agent, "next"))
        assert.isTrue(queued(next.value), next.value.text)
        assert.isBelow(next.millis, 3000)
        assert.isAbove(Number(yield* outages(daemon)), 0)
        yield* relay.cont
        yield* eventually("both writes", texts(relay), (found) => found.length >= 2)
        assert.deepStrictEqual(yield* texts(relay), ["held", "next"])
      })
  )

  it.live(
    "hangs in the middle of its streams, a call ends within 25 s, and one that may be queued is, though headers were sent",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ answers: "sse" })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        yield* agent.request("tools/list")
        yield* relay.control.hold("before commit")
        const id = nextId()
        const stream = yield* agent.open({
          id,
          method: "tools/call",
          params: { name: "stepwise", arguments: { steps: 2 }, _meta: { progressToken: "p" } }
        })
        const read = yield* Effect.forkScoped(timed(agent.call("silent")))
        const write = yield* Effect.forkScoped(timed(agent.call("relay_send_message", { to: "b", text: "held" })))
        yield* relay.control.awaitHeld("before commit")
        yield* relay.control.step
        assert.strictEqual((yield* stream.message).params?.["progress"], 1)
        yield* relay.stop

        const sent = yield* Fiber.join(write)
        assert.isTrue(queued(sent.value), sent.value.text)
        assert.isBelow(sent.millis, 12_000)
        const ended = yield* Fiber.join(read)
        assert.isBelow(ended.millis, 25_000)
        const streamed = yield* stream.message
        for (const { error } of [ended.value.answer, streamed]) {
          assert.strictEqual(error?.code, -31002)
          assert.strictEqual(error?.data?.["delivery"], "unknown")
        }
        assert.strictEqual(streamed.id, id)

        yield* relay.cont
        yield* relay.control.release("before commit")
        yield* eventually("the write", texts(relay), (found) => found.length > 0)
        assert.deepStrictEqual(yield* texts(relay), ["held"])
      })
  )
})
