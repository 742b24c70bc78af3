/** The text of a list's result: its pages as one, its age, and whether it differs from another (BEHAVIOUR 2). */
import { DateTime } from "effect"
import { createHash } from "node:crypto"
import * as JsonText from "../domain/JsonText.ts"
import { itemTexts, type ListText, readList } from "../domain/ListText.ts"
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

/** Why a page is no list, in the words of an error; `undefined` where it is one. */
const unfit = (member: string, { items, list, text }: ListText): string | undefined => {
  if (items.length > maxItems) return `a list of more than ${maxItems} ${member}`
  if (list !== undefined && text[list.start] !== "[") return `${member} that are no list`
  return items.every(({ isNamed }) => isNamed) ? undefined : `a list of ${member} without names`
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
export const fingerprint = (list: ListText): string => {
  const hash = createHash("sha256")
  // A line break never stands raw inside a JSON string, so definitions can't run into each other unseen.
  for (const tool of itemTexts(list).toSorted()) hash.update(tool).update("\n,")
  return hash.digest("base64url")
}

// Pages of lists: where they go on, and the list that they are together. What is the same as before is not read
// again.

export class ListPages {
  readonly #member: string
  readonly #read: TextMemo<ListText>
  #last: { readonly pages: ReadonlyArray<string>; readonly whole: string } = { pages: [], whole: "{}" }

  /** Of lists whose items stand in `member`. */
  constructor(member: string) {
    this.#member = member
    this.#read = new TextMemo((page) => readList(member, page, maxItems))
  }

  /** Why a page is no list, in the words of an error; `undefined` where it is one. */
  unfit(page: string): string | undefined {
    return unfit(this.#member, this.#read.of(page))
  }

  /** The cursor of the page after this one, as it stands in the text; some servers say by null that there is none. */
  nextCursor(page: string): string | undefined {
    const { nextCursor } = this.#read.of(page)
    return nextCursor === "null" ? undefined : nextCursor
  }

  /** All pages as one result without a cursor, with the items of all. */
  whole(pages: ReadonlyArray<string>): string {
    const [first = "{}", ...others] = pages
    if (others.length === 0 && this.#read.of(first).nextCursor === undefined) return first
    const last = this.#last
    if (last.pages.length !== pages.length || last.pages.some((page, index) => page !== pages[index])) {
      this.#last = { pages, whole: onePage(this.#member, pages) }
    }
    return this.#last.whole
  }
}

/** The last page of a tools/list result with these definitions behind its own; another page as it is. */
export const withTools = (result: string, definitions: ReadonlyArray<string>): string => {
  if (definitions.length === 0) return result
  const goesOn = (JsonText.at(result, ["nextCursor"]) ?? "null") !== "null"
  if (goesOn) return result
  return JsonText.set(result, ["tools"], `[${[...JsonText.elements(result, ["tools"]), ...definitions].join(",")}]`)
}
