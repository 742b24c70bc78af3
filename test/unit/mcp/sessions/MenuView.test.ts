import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MenuView } from "../../../../src/mcp/sessions/MenuView.ts"

describe("MenuView", () => {
  it("keeps what is still to be told when an older list is answered meanwhile, and not when it is the list itself", () => {
    const view = new MenuView("old")
    view.announceLater("new")
    view.answeredWith("older")
    assert.isFalse(view.isNews("new"))
    view.answeredWith("new")
    assert.isFalse(view.takeDue())
    assert.isTrue(view.isNews("newer"))
  })

  it("is to be told once of what is due, and not of what it was answered meanwhile", () => {
    const view = new MenuView("old")
    view.announceLater("new")
    view.answeredWith("older")
    assert.isTrue(view.takeDue())
    assert.isFalse(view.takeDue())
    assert.isFalse(view.isNews("new"))
  })

  it("remembers 16 MiB of pages in all, whatever cursors the relay makes up", () => {
    const view = new MenuView(undefined)
    const page = (index: number) => String(index).padEnd(6 * 1024 * 1024)
    for (const index of [0, 1, 2, 3]) view.readOn("tools/list", `"c${index}"`, [page(index)])
    const known = [0, 1, 2, 3].filter((index) => view.pagesBefore("tools/list", `"c${index}"`) !== undefined)
    assert.deepStrictEqual(known, [2, 3])
    view.readOn("tools/list", "long", [page(4), page(5), page(6)])
    assert.isUndefined(view.pagesBefore("tools/list", "long"))
    view.readOn("tools/list", "\"c".padEnd(17 * 1024 * 1024), [page(7)])
    assert.deepStrictEqual(view.pagesBefore("tools/list", `"c3"`), [page(3)])
  })

  it.effect(
    "is fetched one at a time, once more where it changed meanwhile, and later and later where it could not be had",
    () =>
      Effect.gen(function*() {
        const view = new MenuView("old")
        assert.isFalse(view.mayFetch)
        view.becomeStale()
        assert.isTrue(view.mayFetch)
        view.fetching()
        view.becomeStale()
        assert.isFalse(view.mayFetch)
        assert.isTrue(view.fetched())
        assert.isFalse(view.fetched())
        view.becomeStale()
        view.fetching()
        assert.isTrue(view.fetchFailed())
        assert.strictEqual(yield* view.retries.next, 2000)
        assert.isTrue(view.mayFetch)
        view.fetching()
        assert.isFalse(view.fetchFailed())
        view.retryIsDue()
        view.fetching()
        assert.isTrue(view.fetchFailed())
        assert.strictEqual(yield* view.retries.next, 4000)
        view.retryIsDue()
        view.fetching()
        assert.isFalse(view.fetched())
        assert.strictEqual(yield* view.retries.next, 2000)
      })
  )

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
