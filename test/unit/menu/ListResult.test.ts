import { assert, describe, it } from "@effect/vitest"
import * as ListResult from "../../../src/menu/ListResult.ts"
import { ListPages } from "../../../src/menu/ListResult.ts"

const page = (items: string, next?: string) =>
  `{"tools":[${items}],"zz":1.50${next === undefined ? "" : `,"nextCursor":"${next}"`}}`

describe("ListPages", () => {
  it("puts pages together, also where some of them are the same as before", () => {
    const pages = new ListPages("tools")
    const lists = [
      [page("1", "a"), page("2")],
      [page("1", "a"), page("3")],
      [page("1", "a"), page("3")],
      [page("0", "a"), page("3")],
      [page("0", "a")],
      [page("0")]
    ]
    for (const list of lists) assert.strictEqual(pages.whole(list), ListResult.onePage("tools", list))
  })

  it("tells where a page goes on", () => {
    const pages = new ListPages("tools")
    assert.deepStrictEqual([page("1", "a"), page("1"), page("1", "b")].map((text) => pages.nextCursor(text)), [
      `"a"`,
      undefined,
      `"b"`
    ])
  })
})
