import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { timed } from "../../support/drill.ts"
import type { Received } from "../../support/relay/ScriptedRelay.ts"
import { beside, isTold, jsonHead, MiB } from "./Beside.ts"
import { raw, resultOf } from "./HostileRelay.ts"

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
            assert.isBelow(millis, 5000)
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

describe.concurrent("a relay that compresses", () => {
  const bomb = Buffer.alloc(16 * MiB, " ")
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
