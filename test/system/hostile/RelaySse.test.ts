import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { timed } from "../../support/drill.ts"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { endlessly, type Evil, hostileRelay, raw, resultOf, sseHead } from "./HostileRelay.ts"

const event = (data: string, before = "") => `${before}data: ${data}\n\n`
const notice = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}`

/** What the relay sends before its answer, none of which may cost the call its answer. */
const survived: Readonly<Record<string, ReadonlyArray<string | Uint8Array>>> = {
  "events without data": ["id: 1\n\n", "event: message\n\n", "retry: 5\n\n", ":\n\n", "\n\n\n\n"],
  "lines that are no fields": ["nonsense\n", "data\n\n", "da ta: x\n\n", ": comment\ndata: 5\n\n", "data: \n\n"],
  "bytes that are no UTF-8": [Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xfe, 0x0a, 0x0a])],
  "NUL in an id": [event(notice, "id: a\0b\n")],
  "an id that no header can carry": [event(notice, "id: \u0001\u2192\n")],
  "a delay that is no number": [event(notice, "retry: soon\n"), event(notice, "retry: -1\n")],
  "a delay of ages": [event(notice, `retry: ${"9".repeat(400)}\n`)],
  "events that are no JSON-RPC": [event("{}"), event("[]"), event("null"), event(`{"jsonrpc":"1.0","id":1}`)],
  "nesting that would overflow a stack": [event("[".repeat(100_000) + "]".repeat(100_000))],
  "events of types that MCP has not": [event(notice, "event: ping\n"), event("x", "event: error\n")]
}

const run = <A, E>(evil: Evil, use: (agent: Effect.Success<ReturnType<typeof rawAgent>>) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.gen(function*() {
    const relay = yield* hostileRelay({ evil })
    const daemon = yield* holdfast(relay.url, { link: { listTimeout: "2 seconds" } })
    const agent = yield* rawAgent(daemon)
    const used = yield* use(agent)
    assert.isDefined((yield* agent.call("good")).answer.result)
    assert.isTrue(yield* daemon.steady)
    return used
  }))

describe.concurrent("a relay whose event stream has", () => {
  for (const [what, parts] of Object.entries(survived)) {
    it.live(`${what} is answered for all the same`, () =>
      run(({ id }, response) => {
        raw(response, sseHead, ...parts, event(resultOf(id, "done")))
        response.socket?.end()
      }, (agent) =>
        Effect.gen(function*() {
          const reply = yield* agent.call("evil")
          assert.strictEqual(reply.answer.result?.["is"], "done", reply.text)
        })))
  }

  it.live("an event that never ends is cut off beyond 16 MiB, and what is known is told", () => {
    let written = { bytes: 0 }
    return run(({ id }, response) => {
      written = endlessly(response, `${sseHead}data: {"id":${id},`, "x".repeat(65_536))
    }, (agent) =>
      Effect.gen(function*() {
        const { answer } = yield* agent.call("evil")
        assert.strictEqual(answer.error?.code, -31002)
        assert.strictEqual(answer.error?.data?.["delivery"], "unknown")
        assert.include(answer.error?.message, "larger than")
        assert.isBelow(written.bytes, 32 * 1024 * 1024)
      }))
  })

  it.live("an event of lines that say nothing is cut off before they cost more than 16 MiB", () => {
    let written = { bytes: 0 }
    return run((_, response) => {
      written = endlessly(response, sseHead, "data:\n".repeat(10_000))
    }, (agent) =>
      Effect.gen(function*() {
        const { answer } = yield* agent.call("evil")
        assert.strictEqual(answer.error?.code, -31002)
        assert.isBelow(written.bytes, 16 * 1024 * 1024)
      }))
  })

  it.live("an event that the stream's end cuts off has no answer in it", () =>
    run(({ id }, response) => {
      raw(response, sseHead, `data: ${resultOf(id, "half")}\n`)
      response.socket?.end()
    }, (agent) =>
      Effect.gen(function*() {
        const { answer } = yield* agent.call("evil")
        assert.strictEqual(answer.error?.code, -31002)
        assert.strictEqual(answer.error?.data?.["delivery"], "unknown")
      })))

  it.live("an end after every event asks to be followed, and is, ten times a second and no oftener", () => {
    let asked = 0
    const polling = (response: Parameters<Evil>[1]) => {
      raw(response, sseHead, `id: ${++asked}\nretry: 0\ndata:\n\n`)
      response.socket?.end()
    }
    return Effect.gen(function*() {
      const relay = yield* hostileRelay({
        evil: (_, response) => polling(response),
        special: ({ headers, method }, response) => {
          if (method !== "GET" || headers["last-event-id"] === undefined) return false
          polling(response)
          return true
        }
      })
      const daemon = yield* holdfast(relay.url, { link: { callTimeout: "2 seconds" } })
      // A revision without polling: its client waits on one connection.
      const agent = yield* rawAgent(daemon, { version: "2025-06-18" })
      const { millis, value } = yield* timed(agent.call("evil"))
      assert.strictEqual(value.answer.error?.code, -31002)
      assert.isBelow(millis, 6000)
      assert.isBelow(asked, 25)
    })
  })

  it.live("ids beyond ASCII is resumed behind them, in UTF-8; ids that no header can carry are not asked for", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const answer = { text: "" }
      const relay = yield* hostileRelay({
        evil: ({ id }, response) => {
          answer.text = resultOf(id, "resumed")
          raw(
            response,
            sseHead,
            event(notice, "id: \u2192 7\n"),
            event(notice, "id: \u0001\n"),
            event(notice, `id: ${"8".repeat(5000)}\n`)
          )
          setTimeout(() => response.socket?.destroy(), 100)
        },
        special: ({ headers, method }, response) => {
          const last = headers["last-event-id"]
          if (method !== "GET" || typeof last !== "string") return false
          asked.push(Buffer.from(last, "latin1").toString())
          raw(response, sseHead, event(answer.text))
          response.socket?.end()
          return true
        }
      })
      const agent = yield* rawAgent(yield* holdfast(relay.url))
      const reply = yield* agent.call("evil")
      assert.strictEqual(reply.answer.result?.["is"], "resumed", reply.text)
      assert.deepStrictEqual(asked, ["\u2192 7"])
    }))
})
