/** The text of a list's result: its pages as one, its age, and whether it differs from another (BEHAVIOUR 2). */
import { DateTime } from "effect"
import { createHash } from "node:crypto"
import * as JsonText from "../domain/JsonText.ts"
import { TextMemo } from "../domain/TextMemo.ts"
import type { CachedList } from "./CachedLists.ts"

/** The pages of a list as one result without a cursor: the first page, with the items of all in `member`. */
export const onePage = (member: string, pages: ReadonlyArray<string>): string => {
  const [first = "{}", ...others] = pages
  if (others.length === 0) return JsonText.remove(first, ["nextCursor"])
  const items = pages.flatMap((page) => JsonText.elements(page, [member]))
  return JsonText.remove(JsonText.set(first, [member], `[${items.join(",")}]`), ["nextCursor"])
}

/** What one page may hold. */
const maxItems = 10_000

const names = ["name", "uri", "uriTemplate"]

const isNamed = (item: string): boolean =>
  item.startsWith("{") && names.some((name) => JsonText.at(item, [name])?.startsWith("\"") === true)

/** Why a page is no list, in the words of an error; `undefined` where it is one. Reads no further than it takes. */
export const unfit = (member: string, page: string): string | undefined => {
  const list = JsonText.spanAt(page, [member])
  if (list !== undefined && page[list.start] !== "[") return `${member} that are no list`
  const items = JsonText.elements(page, [member], maxItems + 1)
  if (items.length > maxItems) return `a list of more than ${maxItems} ${member}`
  return items.every(isNamed) ? undefined : `a list of ${member} without names`
}

/** Where a list's page goes on, as it stands in its text; `undefined` on the last one, which some servers say by null. */
export const nextCursor = (page: string): string | undefined => {
  const cursor = JsonText.at(page, ["nextCursor"])
  return cursor === "null" ? undefined : cursor
}

/** A cached list's result that says when it was fetched, and that it is not to be cached. */
export const stale = ({ fetchedAt, result }: CachedList): string => {
  const at = JSON.stringify(DateTime.formatIso(DateTime.makeUnsafe(fetchedAt)))
  return JsonText.set(JsonText.set(result, ["_meta", "holdfast/stale"], at), ["ttlMs"], "0")
}

const itemsInOrder = (list: string, member: string): string => JsonText.elements(list, [member]).toSorted().join("\n")

/**
 * The list in the order and the very text in which it was given before, where nothing but its order has changed: what
 * stands in a model's context stays the same byte for byte, and is found in its provider's cache.
 */
export const inOrderOf = (before: string, member: string, list: string): string => {
  const items = JsonText.at(before, [member])
  const now = JsonText.at(list, [member])
  // Most changes are of another length, and are known by that.
  if (items === undefined || items === now || items.length !== now?.length) return list
  return itemsInOrder(before, member) === itemsInOrder(list, member) ? JsonText.set(list, [member], items) : list
}

/**
 * A digest of whole definitions, not of names alone, whatever their order, so that two menus can be compared. What stands beside its tools (cursor, `_meta`, `ttlMs`) does not
 * count.
 */
export const fingerprint = (result: string): string => {
  const hash = createHash("sha256")
  // A line break never stands raw inside a JSON string, so definitions can't run into each other unseen.
  for (const tool of JsonText.elements(result, ["tools"]).toSorted()) hash.update(tool).update("\n,")
  return hash.digest("base64url")
}

// Pages of lists: where they go on, and the list that they are together. What is the same as before is not read
// again.

export class ListPages {
  readonly #cursors = new TextMemo(nextCursor)
  /** Of pages that are a list by themselves; only their cursor is taken out, whatever their items are called. */
  readonly #single = new TextMemo((page) => onePage("", [page]))
  readonly #unfit = new Map<string, TextMemo<string | undefined>>()
  #last: { readonly pages: ReadonlyArray<string>; readonly whole: string } = { pages: [], whole: "{}" }

  /** Why a page is no list of `member`, in the words of an error; `undefined` where it is one. */
  unfit(member: string, page: string): string | undefined {
    const memo = this.#unfit.get(member) ?? new TextMemo((page) => unfit(member, page))
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
      this.#last = { pages, whole: onePage(member, pages) }
    }
    return this.#last.whole
  }
}

/** The last page of a tools/list result with these definitions behind its own; another page as it is. */
export const withTools = (result: string, definitions: ReadonlyArray<string>): string => {
  const goesOn = (JsonText.at(result, ["nextCursor"]) ?? "null") !== "null"
  if (definitions.length === 0 || goesOn) return result
  return JsonText.set(result, ["tools"], `[${[...JsonText.elements(result, ["tools"]), ...definitions].join(",")}]`)
}
