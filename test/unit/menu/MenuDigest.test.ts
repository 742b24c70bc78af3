import { assert, describe, it } from "@effect/vitest"
import { difference, digestOf } from "../../../src/menu/MenuDigest.ts"
import { NarrowedList } from "../../../src/menu/NarrowedLists.ts"

const digest = (...names: ReadonlyArray<string>) =>
  digestOf(new NarrowedList(JSON.stringify({ tools: names.map((name) => ({ name })) })))

describe("a menu's digest", () => {
  it("tells tools apart whose names differ far behind, and keeps 200 characters of such a name", () => {
    const long = "x".repeat(100_000)
    const before = digest("a", `${long}1`)
    assert.isTrue([...before.keys()].every((name) => name.length < 250))
    const { added, changed, removed } = difference(before, digest("a", `${long}2`))
    assert.deepStrictEqual([added.length, changed.length, removed.length], [1, 0, 1])
    assert.deepStrictEqual(difference(before, digest("a", `${long}1`)), { added: [], changed: [], removed: [] })
  })
})
