import { assert, describe, it } from "@effect/vitest"
import { MenuView } from "../../../../src/mcp/menus/MenuView.ts"

describe("MenuView", () => {
  it("keeps what is still to be told when an older list is answered meanwhile, and not when it is the list itself", () => {
    const view = new MenuView("old")
    view.announced = "new"
    view.pending = true
    view.told("older")
    assert.isTrue(view.pending)
    assert.isFalse(view.isNews("new"))
    view.told("new")
    assert.isFalse(view.pending)
    assert.isTrue(view.isNews("newer"))
  })

  it("never tells an agent that has not asked yet", () => {
    assert.isFalse(new MenuView(undefined).isNews("any"))
  })

  it("knows the pages before a cursor, however two readers take turns", () => {
    const view = new MenuView(undefined)
    view.readOn("tools/list", "\"1\"", ["a"])
    view.readOn("tools/list", "\"2\"", ["a", "b"])
    view.readOn("tools/list", "\"1\"", ["a"])
    assert.deepStrictEqual(view.pagesBefore("tools/list", "\"2\""), ["a", "b"])
    assert.deepStrictEqual(view.pagesBefore("tools/list", undefined), [])
    assert.isUndefined(view.pagesBefore("prompts/list", "\"2\""))
    assert.isUndefined(view.pagesBefore("tools/list", "\"from elsewhere\""))
  })

  it("remembers a bounded number of cursors", () => {
    const view = new MenuView(undefined)
    for (let cursor = 0; cursor < 1000; cursor++) view.readOn("tools/list", String(cursor), [])
    assert.isUndefined(view.pagesBefore("tools/list", "0"))
    assert.isDefined(view.pagesBefore("tools/list", "999"))
  })

  it("remembers no list that is larger than 16 MiB", () => {
    const view = new MenuView(undefined)
    const page = "x".repeat(6 * 1024 * 1024)
    view.readOn("tools/list", "\"2\"", [page, page])
    view.readOn("tools/list", "\"3\"", [page, page, page])
    assert.strictEqual(view.pagesBefore("tools/list", "\"2\"")?.length, 2)
    assert.isUndefined(view.pagesBefore("tools/list", "\"3\""))
  })
})
