/** A hostile relay, Holdfast before it and an agent, in one process; and what the agent has to be told. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { holdfast } from "../../support/InProcess.ts"
import { type RawAgent, rawAgent, type RawReply } from "../../support/RawAgent.ts"
import { type Evil, hostileRelay } from "./HostileRelay.ts"

export const MiB = 1024 * 1024
export const jsonHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
export const bounds = { link: { callTimeout: "3 seconds", listTimeout: "2 seconds", readTimeout: "2 seconds" } }

/** An honest relay but for `evil`, Holdfast in front of it, and an agent; the link must not have gone Down meanwhile. */
export const beside = <A, E>(evil: Evil, use: (agent: RawAgent) => Effect.Effect<A, E>, settings = bounds) =>
  Effect.scoped(Effect.gen(function*() {
    const relay = yield* hostileRelay({ evil })
    const daemon = yield* holdfast(relay.url, settings)
    const agent = yield* rawAgent(daemon)
    yield* agent.request("tools/list")
    const used = yield* use(agent)
    assert.isDefined((yield* agent.call("good")).answer.result)
    assert.isTrue(yield* daemon.steady)
    return used
  }))

export const isTold = (reply: RawReply, delivery = "unknown") => {
  assert.strictEqual(reply.status, 200)
  assert.strictEqual(reply.answer.error?.code, -31002, reply.text)
  assert.strictEqual(reply.answer.error?.data?.["delivery"], delivery)
  assert.isBelow(reply.text.length, 3000)
}
