import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { ownPiece, ownText } from "../../../src/domain/OwnText.ts"
import { SseDecoder } from "../../../src/domain/SseDecoder.ts"
import { ReplayBuffer } from "../../../src/mcp/streams/ReplayBuffer.ts"
import { collectGarbage } from "../../support/collectGarbage.ts"

/** Node keeps long texts outside of V8's heap. */
const inUse = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external

/** How much more memory is in use once `make` has made what is kept, bytes. */
const kept = (make: () => unknown): number => {
  collectGarbage()
  const before = inUse()
  const made = make()
  collectGarbage()
  const after = inUse()
  assert.isDefined(made)
  return after - before
}

describe("a text of its own", () => {
  it("is the same text, halves of pairs included", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string(), (text, rest) => {
      assert.strictEqual(ownText(text), text)
      assert.strictEqual(ownPiece((text + rest).slice(0, text.length), text + rest), text)
    }))
    const half = "\ud83d and more than a few"
    assert.strictEqual(ownText(half), half)
  })

  it("holds nothing of the text that it was cut out of", () => {
    const size = 8 * 1024 * 1024
    const pieces = (own: (text: string) => string) => () =>
      Array.from({ length: 4 }, (_, index) => own(Buffer.alloc(size, `${index}`).toString("latin1").slice(5, 50)))
    assert.isAbove(kept(pieces((text) => text)), 3 * size)
    assert.isBelow(kept(pieces(ownText)), size)
  })

  it("is what a stream remembers of its events: nothing of the chunks that they came in", () => {
    const chunk = Buffer.from(`data: {"jsonrpc":"2.0","method":"n"}\n\n: ${"x".repeat(64_000)}\n`)
    const remembered = () => {
      const decoder = new SseDecoder()
      const buffer = new ReplayBuffer()
      for (let times = 0; times < 500; times++) {
        for (const { data } of Result.getOrThrow(decoder.push(chunk))) buffer.add(data, undefined)
      }
      return buffer
    }
    assert.isBelow(kept(remembered), 8 * 1024 * 1024)
  })
})
