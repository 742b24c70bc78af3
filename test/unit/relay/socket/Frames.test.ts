import { encodeFrameLegacy, FrameParser as RealParser } from "@agent-relay/protocol"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { encode, FrameParser, maxFrameBytes } from "../../../../src/relay/socket/Frames.ts"

const framed = (body: string | Uint8Array, length?: number): Buffer => {
  const bytes = Buffer.from(body)
  const header = Buffer.alloc(4)
  header.writeUInt32BE(length ?? bytes.length)
  return Buffer.concat([header, bytes])
}

/** All that comes of these bytes where they arrive in such pieces. */
const parsed = (bytes: Buffer, cuts: ReadonlyArray<number>) => {
  const parser = new FrameParser()
  const frames: Array<unknown> = []
  let fault: string | undefined
  const at = [0, ...[...cuts].sort((one, other) => one - other), bytes.length]
  for (let piece = 1; piece < at.length; piece++) {
    const pushed = parser.push(bytes.subarray(at[piece - 1], at[piece]))
    frames.push(...pushed.frames)
    fault ??= pushed.fault?.detail
  }
  return { frames, fault, isHalf: parser.isHalf }
}

const envelope = (n: number) => ({ v: 1, type: "SEND", id: String(n), ts: n, payload: { body: "é€😀".repeat(n) } })

describe("frames on a socket", () => {
  it("are the same however their bytes are split, and as the protocol's own codec reads and writes them", () => {
    fc.assert(fc.property(
      fc.array(fc.nat(40), { maxLength: 6 }),
      fc.array(fc.nat(4000), { maxLength: 12 }),
      (sizes, cuts) => {
        const envelopes = sizes.map(envelope)
        const bytes = Buffer.concat(envelopes.map((each) => encode(each) ?? assert.fail("too large")))
        assert.deepStrictEqual(bytes, Buffer.concat(envelopes.map((each) => encodeFrameLegacy(each as never))))
        const real = new RealParser()
        real.setLegacyMode(true)
        const { fault, frames, isHalf } = parsed(bytes, cuts.map((cut) => cut % (bytes.length + 1)))
        assert.isUndefined(fault)
        assert.isFalse(isHalf)
        assert.deepStrictEqual<unknown>(frames, real.push(bytes))
        assert.deepStrictEqual<unknown>(frames, envelopes)
      }
    ))
  })

  it("are the same cut at every byte, faults too", () => {
    for (const last of [framed("{}"), framed("[]"), framed("", 0), framed("x"), framed([0x7b, 0xff, 0x7d] as never)]) {
      const bytes = Buffer.concat([encode(envelope(1)) ?? Buffer.alloc(0), last])
      const whole = parsed(bytes, [])
      for (let cut = 0; cut <= bytes.length; cut++) assert.deepStrictEqual(parsed(bytes, [cut]), whole)
      assert.deepStrictEqual(parsed(bytes, [...bytes.keys()]), whole)
    }
  })

  it.each([
    ["a length of 0", framed("", 0), /empty/],
    ["a length above 1 MiB", framed("{}", maxFrameBytes + 1), /larger than 1048576/],
    ["the largest length there is", framed("{}", 0xffffffff), /larger/],
    ["an array", framed("[1]"), /not a JSON object/],
    ["null", framed("null"), /not a JSON object/],
    ["what is no JSON", framed("{"), /not JSON/],
    ["bytes that are no UTF-8", framed(Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])), /UTF-8/],
    ["nesting beyond 1,000", framed(`{"a":${"[".repeat(1000)}${"]".repeat(1000)}}`), /nests deeper/],
    ["nesting that never ends", framed("[".repeat(500_000)), /nests deeper/],
    ["more values than anybody needs", framed(`{"a":[${"0,".repeat(100_001)}0]}`), /values/]
  ])("say what is wrong with %s, and read nothing after it", (_, bytes, words) => {
    const { fault, frames } = parsed(Buffer.concat([bytes, encode(envelope(2)) ?? bytes]), [])
    assert.match(fault ?? "", words)
    assert.isEmpty(frames)
  })

  it("take 1 MiB and 1,000 levels, and are not made beyond", () => {
    const filled = (length: number) => ({ a: "x".repeat(length - `{"a":""}`.length) })
    const largest = encode(filled(maxFrameBytes))
    assert.isDefined(largest)
    assert.lengthOf(parsed(largest ?? Buffer.alloc(0), [3, 5, 1000]).frames, 1)
    assert.isUndefined(encode(filled(maxFrameBytes + 1)))
    assert.lengthOf(parsed(framed(`{"a":${"[".repeat(999)}${"]".repeat(999)}}`), []).frames, 1)
  })

  it("cost what has arrived of them, not what they promise", () => {
    const before = process.memoryUsage().arrayBuffers
    const parsers = Array.from({ length: 200 }, () => {
      const parser = new FrameParser()
      parser.push(framed("{", maxFrameBytes))
      return parser
    })
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 16 * 1024 * 1024)
    assert.isTrue(parsers.every((parser) => parser.isHalf))
  })

  it("come a byte at a time, a whole MiB of them, in the time of a glance", () => {
    const bytes = encode({ a: "x".repeat(900_000) }) ?? Buffer.alloc(0)
    const parser = new FrameParser()
    let frames = 0
    for (let at = 0; at < bytes.length; at++) frames += parser.push(bytes.subarray(at, at + 1)).frames.length
    assert.strictEqual(frames, 1)
  })
})
