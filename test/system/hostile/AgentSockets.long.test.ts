import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { hostileRelay } from "./HostileRelay.ts"
import { head, rawSocket } from "./RawSocket.ts"

const beside = Effect.gen(function*() {
  const relay = yield* hostileRelay()
  const daemon = yield* holdfast(relay.url)
  const agent = yield* rawAgent(daemon)
  const socket = yield* rawSocket(daemon.port)
  return { agent, daemon, socket }
})

describe.concurrent("an agent that", () => {
  for (
    const [what, framing, drip] of [
      ["announces a body and sends a byte of it now and then", { "content-length": 1000 }, "x"],
      ["sends chunks of a byte now and then", { "transfer-encoding": "chunked" }, "1\r\nx\r\n"]
    ] as const
  ) {
    it.live(`${what} is told 408 within 36 s, and let go`, () =>
      Effect.gen(function*() {
        const { agent, daemon, socket } = yield* beside
        yield* socket.write(head(daemon.secret, framing))
        yield* socket.drip(drip, 500)
        const { millis, value } = yield* timed(socket.closed)
        assert.include(value, "408 Request Timeout")
        assert.isBelow(millis, 36_000)
        assert.isDefined((yield* agent.call("good")).answer.result)
      }))
  }

  it.live("goes on sending after it was told 413 is let go within 36 s, and costs no memory meanwhile", () =>
    Effect.gen(function*() {
      const { agent, daemon, socket } = yield* beside
      yield* socket.write(head(daemon.secret, { "transfer-encoding": "chunked" }))
      yield* socket.flood(`10000\r\n${"x".repeat(65_536)}\r\n`)
      yield* eventually("the refusal", Effect.sync(() => socket.received.text), (text) => text.includes(" 413 "))
      const before = process.memoryUsage().rss
      const { millis } = yield* timed(socket.closed)
      assert.isBelow(millis, 36_000)
      assert.isBelow(process.memoryUsage().rss - before, 200 * 1024 * 1024)
      assert.isDefined((yield* agent.call("good")).answer.result)
    }))
})
