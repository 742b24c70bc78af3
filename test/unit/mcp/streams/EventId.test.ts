import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as EventId from "../../../../src/mcp/streams/EventId.ts"

describe("EventId", () => {
  const parts = fc.record({
    stream: fc.stringMatching(/^[A-Za-z0-9_-]{1,16}$/),
    sequence: fc.nat(),
    requestId: fc.option(
      fc.oneof(
        fc.string({ unit: "grapheme" }).map((id) => JSON.stringify(id)),
        fc.oneof(fc.integer(), fc.bigInt()).map(String)
      ),
      { nil: undefined }
    )
  })

  it("says stream, sequence and request's id again, whatever the id is", () => {
    fc.assert(fc.property(parts, (parts) => {
      assert.deepStrictEqual(EventId.parse(EventId.encode(parts)), parts)
    }))
  })

  it("is one line of letters that a header may carry", () => {
    fc.assert(fc.property(parts, (parts) => {
      assert.match(EventId.encode(parts), /^[A-Za-z0-9_.-]+$/)
    }))
  })

  it("holds one JSON string or number as the request's id, and nothing that would be more of an answer", () => {
    const hostile = [
      "1,\"result\":{}",
      "1}",
      "\"a\",\"result\":1",
      "null",
      "true",
      "[1]",
      "{}",
      " 1",
      "1\n",
      "",
      "1\n\ndata: x"
    ]
    for (const requestId of hostile) {
      assert.isUndefined(EventId.parse(EventId.encode({ stream: "s", sequence: 1, requestId })), requestId)
    }
  })

  it("never mistakes another's id for one of ours", () => {
    for (
      const text of [
        "",
        "a",
        "a.",
        ".1",
        "a.-1",
        "a.01",
        "a.1.",
        "a.1.b=",
        "a.1.!",
        "a.99999999999999999999",
        "a.1.b.c"
      ]
    ) {
      assert.isUndefined(EventId.parse(text), text)
    }
    fc.assert(fc.property(fc.string(), (text) => {
      const parts = EventId.parse(text)
      assert.isTrue(parts === undefined || EventId.encode(parts) === text)
    }))
  })
})
