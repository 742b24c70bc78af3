/** What the relay did and what it said of it are two things: whatever it says, there is one write. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Disk from "../../support/Disk.ts"
import { eventually } from "../../support/eventually.ts"
import { isQueued, probeClient } from "../../support/ProbeClient.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { Rig } from "../../support/Rig.ts"

const daemon = { env: { HOLDFAST_LINK_SILENCE: "500 millis", HOLDFAST_OUTBOX_RETRY_BASE: "20 millis" } }

const answers: ReadonlyArray<readonly [string, Answer.Answer]> = [
  ["half a JSON document", Answer.garbage],
  ["the page of a portal", Answer.portalPage],
  ["the page of a deploy", Answer.deployPage],
  ["the page of a firewall", Answer.wafPage],
  ["502", Answer.badGateway],
  ["503", Answer.unavailable],
  ["504", Answer.gatewayTimeout],
  ["500 with a JSON-RPC error", Answer.internalError],
  ["half an answer that ends", Answer.half("clean")],
  ["half an answer that breaks", Answer.half("broken")],
  ["nothing, and hangs up", Answer.reset]
]

let calls = 0

/** A call with an id of its own, as often as the client likes to send it. */
const call = Effect.fnUntraced(function*() {
  const { daemon, relay } = yield* Rig
  const client = yield* probeClient(daemon, relay)
  const text = `text ${++calls}`
  return {
    text,
    send: client.send(text, "b", { "claudecode/toolUseId": text }),
    /** How often the relay has it, once nothing is under way any more. */
    writes: Effect.gen(function*() {
      yield* eventually(
        "an empty queue",
        Effect.sync(() => Disk.rows(daemon.dataDir)),
        (rows) => rows.every(({ state }) => state === "delivered" || state === "dead")
      )
      return (yield* relay.ledger).filter((entry) => entry.arguments["text"] === text).length
    })
  }
})

layer(Rig.layer({ daemon }), { excludeTestServices: true, timeout: "60 seconds" })(
  "a relay that carries a call out",
  (it) => {
    for (const [what, answer] of answers) {
      it.effect(`and answers with ${what} has one write, however often the client asks`, () =>
        Effect.gen(function*() {
          const { relay } = yield* Rig
          const { send, writes } = yield* call()
          yield* relay.control.answerNext(1, Answer.afterwards(answer), { tool: "relay_send_message" })
          const told = yield* send
          if (answer !== Answer.internalError) assert.isTrue(isQueued(told), told)
          yield* send
          assert.strictEqual(yield* writes, 1)
          assert.include(yield* send, "\"jsonrpc\"")
          assert.strictEqual(yield* writes, 1)
        }))
    }

    it.effect("and dies before it answers has one write", () =>
      Effect.gen(function*() {
        const { relay } = yield* Rig
        const { send, writes } = yield* call()
        yield* relay.control.dieAt("after commit")
        assert.isTrue(isQueued(yield* send))
        yield* relay.restart()
        assert.isTrue(isQueued(yield* send) || (yield* writes) === 1)
        assert.strictEqual(yield* writes, 1)
      }))

    it.effect("and answers after Holdfast gave up waiting has one write, and its answer is not lost", () =>
      Effect.gen(function*() {
        const { relay } = yield* Rig
        const { send, writes } = yield* call()
        yield* relay.control.hold("after commit")
        assert.isTrue(isQueued(yield* send))
        yield* relay.control.release("after commit")
        assert.strictEqual(yield* writes, 1)
        assert.include(yield* send, "\"structuredContent\":{\"id\"")
      }))

    it.effect("and is asked again over a crash of the daemon, by the same client under a new id, has one write", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const { send, writes } = yield* call()
        yield* relay.control.hold("after commit")
        const first = yield* Effect.forkChild(Effect.exit(send))
        yield* relay.control.awaitHeld("after commit")
        yield* daemon.kill
        yield* daemon.restart()
        yield* relay.control.release("after commit")
        yield* Fiber.join(first)
        assert.include(yield* send, "\"result\"")
        assert.strictEqual(yield* writes, 1)
      }))
  }
)
