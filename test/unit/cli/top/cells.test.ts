import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { cut, pad } from "../../../../src/cli/top/cells.ts"

describe("the columns of top", () => {
  it("are exactly as wide as they say, whatever a relay or an agent named", () => {
    assert.strictEqual(pad("relay", 8), "relay   ")
    assert.strictEqual(pad("a-long-name", 8), "a-long… ")
    assert.strictEqual(pad("中文名称", 7), "中文… ".padEnd(5) + " ".repeat(0))
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 40 }), (text, max) => {
      const fit = cut(text, max)
      assert.isAtMost(fit.width, max)
      assert.isTrue(fit.text === text || fit.text.endsWith("…"))
    }))
  })
})
