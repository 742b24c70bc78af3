import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { isQueued, texts, timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { answerIn, post, request } from "../eras/RawModern.ts"

const both = Effect.gen(function*() {
  const relay = yield* TestRelay.start()
  const daemon = yield* Daemon.start({ relayUrl: relay.url })
  const agent = yield* rawAgent(daemon)
  yield* agent.request("tools/list")
  return { relay, daemon, agent }
})

describe.concurrent("a daemon that is told to stop", () => {
  it.live(
    "acknowledges the call that the relay holds, ends streams with retry:, and delivers exactly once later",
    () =>
      Effect.gen(function*() {
        const { agent, daemon, relay } = yield* both
        const stream = yield* agent.get()
        yield* stream.next
        yield* relay.control.hold("before commit")
        const held = yield* Effect.forkScoped(agent.call("relay_send_message", { to: "b", text: "held" }))
        yield* relay.control.awaitHeld("before commit")
        const stopped = yield* timed(daemon.terminate)
        assert.deepStrictEqual(stopped.value, { code: 0, signal: null })
        assert.isBelow(stopped.millis, 12_000)
        const { answer } = yield* Fiber.join(held)
        assert.isTrue(isQueued({ structuredContent: answer.result?.["structuredContent"] }), JSON.stringify(answer))
        assert.isDefined((yield* stream.rest).at(-1)?.retry)

        yield* daemon.restart()
        yield* relay.control.release("before commit")
        yield* eventually("the write", texts(relay), (found) => found.length > 0)
        const listed = yield* eventually(
          "the delivery",
          Effect.map(daemon.admin("/api/outbox?state=delivered"), ({ body }) => JSON.stringify(body)),
          (text) => text.includes("relay_send_message")
        )
        assert.strictEqual(listed.match(/relay_send_message/g)?.length, 1)
        assert.deepStrictEqual(yield* texts(relay), ["held"])
        assert.strictEqual((yield* agent.request("ping")).status, 200)
      })
  )

  it.live(
    "passes on the answer that still comes, and refuses what is new on an open connection",
    () =>
      Effect.gen(function*() {
        const { agent, daemon, relay } = yield* both
        yield* relay.control.hold("before commit")
        const held = yield* Effect.forkScoped(agent.call("relay_send_message", { to: "b", text: "late" }))
        yield* relay.control.awaitHeld("before commit")
        const ended = yield* Effect.forkScoped(daemon.terminate)
        yield* Effect.sleep("500 millis")
        yield* relay.control.release("before commit")
        const { answer } = yield* Fiber.join(held)
        assert.isFalse(isQueued({ structuredContent: answer.result?.["structuredContent"] }), JSON.stringify(answer))
        assert.isDefined(answer.result)
        assert.deepStrictEqual(yield* Fiber.join(ended), { code: 0, signal: null })
        yield* daemon.restart()
        yield* agent.call("echo")
        assert.deepStrictEqual(yield* texts(relay), ["late"])
      })
  )

  it.live(
    "answers each request that is under way before its stream ends, in either era",
    () =>
      Effect.gen(function*() {
        const { agent, daemon } = yield* both
        const call = { name: "silent", arguments: {} }
        const legacy = yield* Effect.forkScoped(agent.call("silent"))
        const modern = yield* Effect.forkScoped(
          post(daemon, "tools/call", request("tools/call", call), { "mcp-name": "silent" })
        )
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* daemon.terminate).code, 0)
        const errors = [(yield* Fiber.join(legacy)).answer.error, JSON.parse(answerIn(yield* Fiber.join(modern))).error]
        for (const error of errors) {
          assert.strictEqual(error?.code, -31002)
          assert.deepInclude(error?.data, { delivery: "unknown" })
          assert.match(error?.message ?? "", /was stopped .* may have been carried out/)
        }
      })
  )

  it.live(
    "is not held up by a call or a batch that never ends, nor by a relay that hangs",
    () =>
      Effect.gen(function*() {
        const { agent, daemon, relay } = yield* both
        const old = yield* rawAgent(daemon, { version: "2025-03-26" })
        const silent = () => ({ jsonrpc: "2.0", id: nextId(), method: "tools/call", params: { name: "silent" } })
        yield* Effect.forkScoped(Effect.exit(agent.post(silent())))
        yield* Effect.forkScoped(Effect.exit(old.post(JSON.stringify([silent(), silent()]))))
        yield* eventually("the calls at the relay", relay.control.counts, ({ inFlight }) => inFlight === 3)
        yield* relay.stop
        yield* Effect.forkScoped(Effect.exit(rawAgent(daemon, { name: "waiting" })))
        const stopped = yield* timed(daemon.terminate)
        assert.deepStrictEqual(stopped.value, { code: 0, signal: null })
        assert.isBelow(stopped.millis, 13_000)
      })
  )
})
