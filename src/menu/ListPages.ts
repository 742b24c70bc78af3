/** Pages of lists: where they go on, and the list that they are together. What is the same as before is not read again. */
import { TextMemo } from "../domain/TextMemo.ts"
import * as ListResult from "./ListResult.ts"

export class ListPages {
  readonly #cursors = new TextMemo(ListResult.nextCursor)
  /** Of pages that are a list by themselves; only their cursor is taken out, whatever their items are called. */
  readonly #single = new TextMemo((page) => ListResult.onePage("", [page]))
  readonly #unfit = new Map<string, TextMemo<string | undefined>>()
  #last: { readonly pages: ReadonlyArray<string>; readonly whole: string } = { pages: [], whole: "{}" }

  /** Why a page is no list of `member`, in the words of an error; `undefined` where it is one. */
  unfit(member: string, page: string): string | undefined {
    const memo = this.#unfit.get(member) ?? new TextMemo((page) => ListResult.unfit(member, page))
    this.#unfit.set(member, memo)
    return memo.of(page)
  }

  /** The cursor of the page after this one, as it stands in the text. */
  nextCursor(page: string): string | undefined {
    return this.#cursors.of(page)
  }

  /** All pages as one result without a cursor, with the items of all in `member`. */
  whole(member: string, pages: ReadonlyArray<string>): string {
    const [first = "{}", ...others] = pages
    if (others.length === 0) return this.#single.of(first)
    const last = this.#last
    if (last.pages.length !== pages.length || last.pages.some((page, index) => page !== pages[index])) {
      this.#last = { pages, whole: ListResult.onePage(member, pages) }
    }
    return this.#last.whole
  }
}
