import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { timed } from "../drill/drill.ts"
import type { Received } from "../relay/ScriptedRelay.ts"
import { eventually } from "../support/eventually.ts"
import { holdfast } from "../support/InProcess.ts"
import { type RawAgent, rawAgent, type RawReply } from "../support/RawAgent.ts"
import { endlessly, type Evil, hostileRelay, raw, resultOf, sseHead } from "./HostileRelay.ts"

const MiB = 1024 * 1024
const jsonHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
const bounds = { link: { callTimeout: "3 seconds", listTimeout: "2 seconds", readTimeout: "2 seconds" } }

/** An honest relay but for `evil`, Holdfast in front of it, and an agent; the link must not have gone Down meanwhile. */
const beside = <A, E>(evil: Evil, use: (agent: RawAgent) => Effect.Effect<A, E>, settings = bounds) =>
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

const isTold = (reply: RawReply, delivery = "unknown") => {
  assert.strictEqual(reply.status, 200)
  assert.strictEqual(reply.answer.error?.code, -31002, reply.text)
  assert.strictEqual(reply.answer.error?.data?.["delivery"], delivery)
  assert.isBelow(reply.text.length, 3000)
}

const padded = (text: string) => text.padEnd(200)

/** Answers that break HTTP; each ends at once. */
const lies: Readonly<Record<string, (request: Received) => string>> = {
  "a length that is longer than its body": ({ id }) => `${jsonHead}content-length: 900\r\n\r\n${resultOf(id, "x")}`,
  "a length that is shorter than its body": ({ id }) => `${jsonHead}content-length: 20\r\n\r\n${resultOf(id, "x")}`,
  "a length that is no number": ({ id }) => `${jsonHead}content-length: many\r\n\r\n${resultOf(id, "x")}`,
  "two lengths": ({ id }) => `${jsonHead}content-length: 5\r\ncontent-length: 50\r\n\r\n${resultOf(id, "x")}`,
  "a length beside chunks": ({ id }) =>
    `${jsonHead}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${resultOf(id, "x")}`,
  "chunks without sizes": ({ id }) => `${jsonHead}transfer-encoding: chunked\r\n\r\n${resultOf(id, "x")}`,
  "a chunk of a length beyond all numbers": ({ id }) =>
    `${jsonHead}transfer-encoding: chunked\r\n\r\n${"f".repeat(40)}\r\n${resultOf(id, "x")}`,
  "no last chunk": ({ id }) => `${jsonHead}transfer-encoding: chunked\r\n\r\nc8\r\n${padded(resultOf(id, "x"))}\r\n`,
  "a status beyond all statuses": () => `HTTP/1.1 9999 What\r\n\r\n`,
  "another protocol": () => `SSH-2.0-OpenSSH_9.9\r\n`,
  "headers beyond 16 KiB": ({ id }) => `${jsonHead}x: ${"x".repeat(20_000)}\r\n\r\n${resultOf(id, "x")}`
}

const passedOn = new Set(["a length that is longer than its body", "no last chunk"])

describe.concurrent("a relay whose answer has", () => {
  for (const [what, bytes] of Object.entries(lies)) {
    it.live(`${what} costs the call that it answers, and nobody else`, () =>
      beside((request, response) => {
        raw(response, bytes(request))
        response.socket?.end()
      }, (agent) =>
        Effect.gen(function*() {
          for (const tool of ["evil", "evil_read", "relay_send_message"]) {
            const { millis, value } = yield* timed(Effect.exit(agent.call(tool)))
            assert.isBelow(millis, 2000)
            // What was being passed on as it came can't be taken back: it breaks off, and never looks like an answer.
            if (value._tag === "Success") isTold(value.value)
            else assert.isTrue(tool === "evil" && passedOn.has(what))
          }
        })))
  }

  it.live("a second answer behind it on the same connection gives it to nobody", () =>
    beside(({ id }, response) => {
      const answer = (is: string) => `${jsonHead}content-length: 200\r\n\r\n${padded(resultOf(id, is))}`
      raw(response, `${answer("first")}${answer("planted")}`)
    }, (agent) =>
      Effect.gen(function*() {
        for (let call = 0; call < 3; call++) {
          const reply = yield* agent.call("evil")
          assert.strictEqual(reply.answer.result?.["is"], "first", reply.text)
          assert.isDefined((yield* agent.request("prompts/list")).answer.result)
        }
      })))
})

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
        assert.isBelow(millis, 5000)
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
        const broken = yield* Effect.exit(agent.open({ id: 7, method: "tools/call", params: { name: "evil_read" } }))
        assert.isDefined(broken)
        yield* Effect.promise(() => written.closed.promise)
        // Beyond 16 MiB it is passed on as it comes, as fast as the agent reads: nothing is kept.
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
          assert.isBelow(millis, 2000)
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

describe.concurrent("a relay that compresses", () => {
  const bomb = Buffer.alloc(64 * MiB, " ")
  const packed = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync }
  for (const [encoding, pack] of Object.entries(packed)) {
    it.live(`by ${encoding}, unasked, has not answered; nothing is unpacked`, () =>
      Effect.gen(function*() {
        const bytes = pack(bomb)
        const accepted: Array<string | undefined> = []
        yield* beside(({ headers }, response) => {
          accepted.push(String(headers["accept-encoding"]))
          response.writeHead(200, { "content-type": "application/json", "content-encoding": encoding }).end(bytes)
        }, (agent) =>
          Effect.gen(function*() {
            isTold(yield* agent.call("evil"))
            isTold(yield* agent.call("evil_read"))
          }))
        assert.deepStrictEqual([...new Set(accepted)], ["identity"])
      }))
  }
})
