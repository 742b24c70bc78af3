import { assert, describe, it } from "@effect/vitest"
import { TextMemo } from "../../../src/domain/TextMemo.ts"

/** The texts that were worked on, in order. */
const counting = () => {
  const made: Array<string> = []
  const memo = new TextMemo((text) => {
    made.push(text)
    return { of: text }
  })
  return { made, memo }
}

describe("TextMemo", () => {
  it("gives for an equal text what it made before", () => {
    const { made, memo } = counting()
    const first = memo.of("a list")
    memo.of("another")
    assert.strictEqual(memo.of(["a", "list"].join(" ")), first)
    assert.deepStrictEqual(made, ["a list", "another"])
  })

  it("remembers the last eight texts", () => {
    const { made, memo } = counting()
    for (const text of "abcdefgh") memo.of(text)
    memo.of("a")
    memo.of("i")
    memo.of("a")
    assert.strictEqual(made.join(""), "abcdefghi")
    memo.of("b")
    assert.strictEqual(made.join(""), "abcdefghib")
  })

  it("lets go of what is more than 32 Mi characters, but for the newest", () => {
    const { made, memo } = counting()
    const [one, two] = ["1".repeat(20 * 1024 * 1024), "2".repeat(40 * 1024 * 1024)]
    memo.of(one)
    memo.of(two)
    memo.of(two)
    assert.strictEqual(made.length, 2)
    memo.of(one)
    assert.strictEqual(made.length, 3)
  })
})
