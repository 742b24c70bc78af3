import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { beside, bounds, isTold, jsonHead, MiB } from "./Beside.ts"
import { endlessly, sseHead } from "./HostileRelay.ts"

/** How many bytes were taken once no more are. */
const standstill = (bytes: () => number) =>
  Effect.map(
    eventually(
      "a standstill",
      Effect.gen(function*() {
        const before = bytes()
        yield* Effect.sleep("300 millis")
        return { before, after: bytes() }
      }),
      ({ after, before }) => before === after && before > 0
    ),
    ({ after }) => after
  )

describe.concurrent("a relay whose answer never ends", () => {
  it.live("in its headers is cut off beyond 16 KiB", () => {
    let written = { bytes: 0 }
    return beside((_, response) => {
      written = endlessly(response, "HTTP/1.1 200 OK\r\n", `x-more: ${"x".repeat(1000)}\r\n`)
    }, (agent) =>
      Effect.gen(function*() {
        isTold(yield* agent.call("evil"))
        assert.isBelow(written.bytes, 8 * MiB)
      }))
  })

  it.live("in headers that come for ever, one head after the other, ends with the bound on the call", () =>
    beside((_, response) => {
      const { socket } = response
      const drip = setInterval(() => socket?.write("HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n"), 50)
      socket?.on("close", () => clearInterval(drip))
    }, (agent) =>
      Effect.gen(function*() {
        const { millis, value } = yield* timed(agent.call("evil"))
        isTold(value)
        assert.isBelow(millis, 9000)
      })))

  for (
    const [where, head, drip] of [
      ["in its head", "", "H"],
      ["in a JSON body", `${jsonHead}\r\n`, " "],
      ["in a stream", sseHead, ":\n"]
    ] as const
  ) {
    it.live(`and drips ${where} ends with the bound on the call, however alive it looks`, () =>
      beside((_, response) => {
        const { socket } = response
        socket?.write(head)
        const dripping = setInterval(() => socket?.write(drip), 100)
        socket?.on("close", () => clearInterval(dripping))
      }, (agent) =>
        Effect.gen(function*() {
          const tools = ["evil_read", "relay_send_message"]
          const replies = yield* Effect.forEach(tools, (tool) => timed(agent.call(tool)), { concurrency: 2 })
          for (const { millis, value } of replies) {
            isTold(value)
            assert.isBelow(millis, 9000)
          }
        })))
  }

  it.live("in a JSON body of a call that only reads is cut off at its bound, and costs no more than 16 MiB here", () => {
    let written = { bytes: 0, closed: Promise.withResolvers<void>() }
    let calls = 0
    return beside(({ id }, response) => {
      calls++
      written = endlessly(response, `${jsonHead}\r\n{"jsonrpc":"2.0","id":${id},"result":"`, "x".repeat(65_536))
    }, (agent) =>
      Effect.gen(function*() {
        // Beyond 16 MiB it is passed on as fast as the agent reads, which this one does not.
        yield* agent.unread({ id: 7, method: "tools/call", params: { name: "evil_read" } })
        yield* Effect.promise(() => written.closed.promise)
        assert.isAbove(written.bytes, 16 * MiB)
        assert.isBelow(written.bytes, 48 * MiB)
        assert.strictEqual(calls, 1)
      }).pipe(Effect.scoped))
  })

  it.live("in the body of what may be queued is cut off beyond 16 MiB", () => {
    let written = { bytes: 0, closed: Promise.withResolvers<void>() }
    return beside(({ id }, response) => {
      written = endlessly(response, `${jsonHead}\r\n{"jsonrpc":"2.0","id":${id},"result":"`, "x".repeat(65_536))
    }, (agent) =>
      Effect.gen(function*() {
        isTold(yield* agent.call("relay_send_message"))
        yield* Effect.promise(() => written.closed.promise)
        assert.isBelow(written.bytes, 32 * MiB)
      }))
  })

  it.live("in the body of an error, a page or a 202 is cut off beyond 64 KiB", () => {
    let written = { bytes: 0, closed: Promise.withResolvers<void>() }
    const heads = [
      "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\n",
      "HTTP/1.1 500 Oops\r\ncontent-type: text/plain\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n",
      "HTTP/1.1 202 Accepted\r\n\r\n",
      "HTTP/1.1 401 Unauthorized\r\n\r\n"
    ]
    let head = ""
    return beside((_, response) => {
      written = endlessly(response, head, "x".repeat(65_536))
    }, (agent) =>
      Effect.gen(function*() {
        for (head of heads) {
          const { millis, value } = yield* timed(agent.call("evil"))
          isTold(value, head.includes(" 401 ") ? "not sent" : "unknown")
          assert.isBelow(millis, 5000)
          yield* Effect.promise(() => written.closed.promise)
          assert.isBelow(written.bytes, 8 * MiB)
        }
      }))
  })

  it.live("and goes to an agent that does not read is not read either, and goes when the agent does", () => {
    let written = { bytes: 0, closed: Promise.withResolvers<void>() }
    return beside(({ id }, response) => {
      written = endlessly(response, `${jsonHead}\r\n{"jsonrpc":"2.0","id":${id},"result":"`, "x".repeat(65_536))
    }, (agent) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* agent.unread({ id: 7, method: "tools/call", params: { name: "evil" } })
          assert.isBelow(yield* standstill(() => written.bytes), 24 * MiB)
        }))
        yield* Effect.promise(() => written.closed.promise)
      }), { link: { ...bounds.link, callTimeout: "10 minutes" } })
  })

  it.live("in a stream to an agent that does not read is not read either: what waits here is bounded", () => {
    let written = { bytes: 0, closed: Promise.withResolvers<void>() }
    const notice = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${
      "x".repeat(9000)
    }"}}\n\n`
    return beside((_, response) => {
      written = endlessly(response, sseHead, notice)
    }, (agent) =>
      Effect.gen(function*() {
        yield* agent.unread({ id: 7, method: "tools/call", params: { name: "evil" } })
        const taken = yield* standstill(() => written.bytes)
        assert.isBelow(taken, 24 * MiB)
        assert.isDefined((yield* agent.call("good")).answer.result)
      }).pipe(Effect.scoped), { link: { ...bounds.link, callTimeout: "10 minutes" } })
  })
})
