import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { hostileRelay, resultOf } from "./HostileRelay.ts"
import { head, rawSocket } from "./RawSocket.ts"

const MiB = 1024 * 1024
const statusOf = (text: string) => Number(text.slice(9, 12))
const bodyOf = (text: string) => JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4))
const call = (id: number, tool = "evil") =>
  JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: tool, arguments: {} } })

/** Holdfast, its relay, an agent that behaves, and one connection of another that does not. */
const beside = Effect.gen(function*() {
  const relay = yield* hostileRelay()
  const daemon = yield* holdfast(relay.url)
  const agent = yield* rawAgent(daemon)
  const socket = yield* rawSocket(daemon.port)
  return { relay, daemon, agent, socket }
})

/** The others are served all the while. */
const served = ({ agent }: Effect.Success<typeof beside>) =>
  Effect.gen(function*() {
    const { millis, value } = yield* timed(agent.call("good"))
    assert.isDefined(value.answer.result)
    assert.isBelow(millis, 3000)
  })

describe.concurrent("an agent that", () => {
  it.live("sends a header now and then is told 408 within 18 s, and let go", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      yield* rig.socket.write(`POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n`)
      yield* rig.socket.drip("x-more: 1\r\n", 250)
      yield* served(rig)
      const { millis, value } = yield* timed(rig.socket.closed)
      assert.strictEqual(statusOf(value), 408)
      assert.strictEqual(bodyOf(value).jsonrpc, "2.0")
      assert.isBelow(millis, 18_000)
    }))

  it.live("sends headers without end is told 431 beyond 32 KiB, and let go", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      yield* rig.socket.write(`POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n`)
      yield* rig.socket.flood(`x-more: ${"x".repeat(1000)}\r\n`)
      assert.strictEqual(statusOf(yield* rig.socket.closed), 431)
      assert.isBelow(yield* rig.socket.bytesSent, 8 * MiB)
      yield* served(rig)
    }))

  it.live("sends a body without end is told 413 at 4 MiB", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      yield* rig.socket.write(head(rig.daemon.secret, { "transfer-encoding": "chunked" }))
      const piece = "x".repeat(65_536)
      yield* rig.socket.flood(`${piece.length.toString(16)}\r\n${piece}\r\n`)
      const told = yield* eventually("the refusal", Effect.sync(() => rig.socket.received.text), (text) => text !== "")
      assert.strictEqual(statusOf(told), 413)
      assert.match(told, /listen\.maxBody/)
      yield* served(rig)
    }))

  it.live("announces more than 4 MiB is told 413 before it sends any of it", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      yield* rig.socket.write(head(rig.daemon.secret, { "content-length": 5 * MiB }))
      const told = yield* eventually("the refusal", Effect.sync(() => rig.socket.received.text), (text) => text !== "")
      assert.strictEqual(statusOf(told), 413)
    }))

  it.live("sends less than it announced, and leaves, has asked for nothing", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      const body = call(nextId())
      yield* rig.socket.write(
        head(rig.daemon.secret, {
          "content-length": body.length + 1,
          "mcp-session-id": rig.agent.session
        }) + body
      )
      yield* rig.socket.end
      yield* rig.socket.closed
      yield* served(rig)
      assert.isFalse(rig.relay.received.some((request) => request.body.includes("evil")))
    }))

  it.live("sends more than it announced is told 400 for the rest, and gets its answer where that was first", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      rig.relay.state.evil = ({ id }, response) => response.end(resultOf(id, "done"))
      const body = call(nextId(), "good")
      const request = head(rig.daemon.secret, {
        "content-length": body.length,
        "mcp-session-id": rig.agent.session
      }) + body
      yield* rig.socket.write(request)
      yield* eventually(
        "the answer",
        Effect.sync(() => rig.socket.received.text),
        (text) => text.includes("tools/call")
      )
      yield* rig.socket.write("and some more of it\r\n\r\n")
      const all = yield* rig.socket.closed
      assert.strictEqual(statusOf(all), 200)
      yield* served(rig)
    }))

  it.live("sends garbage behind a call that is under way is not told that the call was garbage: it runs on", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      const reached = Promise.withResolvers<(text: string) => void>()
      rig.relay.state.evil = ({ id }, response) => {
        reached.resolve(() => response.writeHead(200, { "content-type": "application/json" }).end(resultOf(id, "done")))
      }
      const body = call(nextId())
      yield* rig.socket.write(
        `${
          head(rig.daemon.secret, { "content-length": body.length, "mcp-session-id": rig.agent.session })
        }${body}garbage, and no end of it\r\n\r\n`
      )
      const answer = yield* Effect.promise(() => reached.promise)
      assert.strictEqual(yield* rig.socket.closed, "")
      answer("done")
      yield* served(rig)
    }))

  it.live("breaks the framing of its own body is told 400, and nothing of it was done", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      const framing = { "transfer-encoding": "chunked", "mcp-session-id": rig.agent.session }
      yield* rig.socket.write(`${head(rig.daemon.secret, framing)}zz\r\n${call(nextId())}\r\n0\r\n\r\n`)
      const told = yield* rig.socket.closed
      assert.strictEqual(statusOf(told), 400)
      assert.strictEqual(bodyOf(told).error.code, -32600)
      assert.isFalse(rig.relay.received.some((request) => request.body.includes("evil")))
      yield* served(rig)
    }))

  it.live("sends two lengths, or a length beside chunks, is told 400", () =>
    Effect.gen(function*() {
      const rig = yield* beside
      const body = call(nextId())
      for (
        const framing of [`content-length: 5\r\ncontent-length: 6`, `content-length: 5\r\ntransfer-encoding: chunked`]
      ) {
        const socket = yield* rawSocket(rig.daemon.port)
        yield* socket.write(head(rig.daemon.secret).replace(/\r\n\r\n$/, `\r\n${framing}\r\n\r\n${body}`))
        assert.strictEqual(statusOf(yield* socket.closed), 400)
      }
      yield* served(rig)
    }))
})
