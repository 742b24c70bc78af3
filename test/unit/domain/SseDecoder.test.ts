import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { SseDecoder } from "../../../src/domain/SseDecoder.ts"
import { comment, encode, type SseEvent } from "../../../src/domain/SseEvent.ts"

const all = (chunks: ReadonlyArray<Uint8Array | string>, limit?: number): ReadonlyArray<SseEvent> => {
  const decoder = new SseDecoder(limit)
  return chunks.flatMap((chunk) => Result.getOrThrow(decoder.push(chunk)))
}
const event = (data: string, rest: Partial<SseEvent> = {}): SseEvent => ({
  event: undefined,
  id: undefined,
  data,
  ...rest
})

const line = fc.oneof(
  fc.constantFrom(
    "",
    "",
    "data",
    "data:",
    "data: é😀",
    "data:  two",
    "id: 7",
    "id",
    "event: x",
    "retry: 10",
    "retry: x"
  ),
  fc.constantFrom(": comment", ":", "unknown: y", "dataset: z"),
  fc.string({ unit: "binary" })
)
const stream = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n"))).map((lines) => lines.flat().join(""))

describe("SseDecoder", () => {
  it("gives the same events however the bytes are cut", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), fc.boolean(), (text, cuts, bom) => {
        const bytes = new TextEncoder().encode((bom ? "\uFEFF" : "") + text)
        const offsets = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        const chunks = offsets.slice(1).map((end, index) => bytes.slice(offsets[index], end))
        assert.deepStrictEqual(all(chunks), all([bytes]))
        assert.deepStrictEqual(all(Array.from(bytes, (byte) => Uint8Array.of(byte))), all([bytes]))
      }),
      { numRuns: 1000 }
    )
  })

  it("reads back what the encoder wrote", () => {
    const data = fc.array(fc.string({ unit: "grapheme" }).filter((s) => !/[\r\n]/.test(s))).map((lines) =>
      lines.join("\n")
    )
    const word = fc.option(fc.stringMatching(/^[a-z0-9-]{1,8}$/), { nil: undefined })
    fc.assert(fc.property(fc.array(fc.tuple(word, word, data)), (written) => {
      const events = written.map(([event, id, data]): SseEvent => ({ event, id, data }))
      const text = events.map(encode).join(comment("still here"))
      assert.deepStrictEqual(all([comment("connected"), text]), events)
    }))
  })

  it("joins data lines and takes one space off, no more", () => {
    assert.deepStrictEqual(all(["data:  a\ndata:b\ndata\n\n"]), [event(" a\nb\n")])
  })

  it("takes CR, LF and CRLF for line ends, also across chunks", () => {
    assert.deepStrictEqual(all(["data: a\r", "\ndata: b\r", "\r", "\n", "data: c\n\n"]), [event("a\nb"), event("c")])
  })

  it("hands out a block that only carries an id or a delay, with empty data", () => {
    assert.deepStrictEqual(all(["id: 1\ndata:\n\nid: 2\nretry: 500\n\n: x\n\nevent: y\n\n"]), [
      event("", { id: "1" }),
      event("", { id: "2", retry: 500 })
    ])
  })

  it("drops a block that the end of the stream cuts off", () => {
    assert.deepStrictEqual(all(["data: a\n\ndata: b\n"]), [event("a")])
  })

  it("refuses an event beyond its limit, after the events before it", () => {
    const decoder = new SseDecoder(100)
    const text = `data: a\n\ndata: ${"x".repeat(200)}`
    assert.deepStrictEqual(Result.getOrThrow(decoder.push(text)), [event("a")])
    assert.isTrue(Result.isFailure(decoder.push("\n\n")))
    assert.isTrue(Result.isFailure(decoder.push("data: b\n\n")))
    assert.lengthOf(all(["data: ", "x".repeat(90), "\n\n"], 100), 1)
    const many = new SseDecoder(100)
    assert.isTrue(Array.from({ length: 60 }, () => many.push("data: x\n")).some(Result.isFailure))
  })
})
