/** A list's result as its text, and where in it stands what we ask of a list: found by going through it once. */
import { hasKey, isObject, root, skipValue, type Span, stopped, through } from "./JsonScan.ts"
import * as JsonText from "./JsonText.ts"

export interface ListItem extends Span {
  /** As it stands in the text, in quotes; `undefined` where it is no string or missing. */
  readonly quotedName: string | undefined
  /** Also by a resource's `uri` or `uriTemplate`. */
  readonly isNamed: boolean
}

export interface ListText {
  readonly text: string
  /** The value of the member that holds the items, whatever it is. */
  readonly list: Span | undefined
  readonly items: ReadonlyArray<ListItem>
  /** As it stands in the text, also where it is `null`. */
  readonly nextCursor: string | undefined
}

const uris = ["uri", "uriTemplate"]

const readItem = (text: string, start: number): ListItem => {
  if (text[start] !== "{") return { start, end: skipValue(text, start), quotedName: undefined, isNamed: false }
  let quotedName: string | undefined
  let hasUri = false
  const end = through(text, start, (member) => {
    const end = skipValue(text, member.value)
    const isString = text[member.value] === "\""
    if (hasKey(text, member, "name")) quotedName = isString ? text.slice(member.value, end) : undefined
    else if (isString && uris.some((uri) => hasKey(text, member, uri))) hasUri = true
    return end
  })
  return { start, end, quotedName, isNamed: quotedName !== undefined || hasUri }
}

/** `member` holds the items. Of more than `maxItems` one more is read, and nothing behind it. */
export const readList = (member: string, text: string, maxItems = Infinity): ListText => {
  let list: Span | undefined
  let items: Array<ListItem> = []
  let nextCursor: string | undefined
  const readItems = (start: number): number => {
    items = []
    if (text[start] !== "[") return skipValue(text, start)
    return through(text, start, ({ value }) => {
      const item = readItem(text, value)
      items.push(item)
      return items.length > maxItems ? stopped : item.end
    })
  }
  const whole = root(text)
  if (!isObject(text, whole)) return { text, list, items, nextCursor }
  through(text, whole.start, (found) => {
    const isList = hasKey(text, found, member)
    const end = isList ? readItems(found.value) : skipValue(text, found.value)
    if (isList) list = { start: found.value, end }
    else if (hasKey(text, found, "nextCursor")) nextCursor = text.slice(found.value, end)
    return end
  })
  return { text, list, items, nextCursor }
}

export const itemText = ({ text }: ListText, { end, start }: ListItem): string => text.slice(start, end)

export const itemTexts = (list: ListText): ReadonlyArray<string> => list.items.map((item) => itemText(list, item))

/** The text with each item as `f` gives it; `undefined` drops it, with its comma. */
export const mapItems = (
  { items, list, text }: ListText,
  f: (item: ListItem, index: number) => string | undefined
): string => list === undefined ? text : JsonText.keepItems(text, list, items, f)

/** What the name means; `undefined` where it has none. */
export const nameOf = ({ quotedName }: ListItem): string | undefined => {
  try {
    return quotedName === undefined ? undefined : String(JSON.parse(quotedName))
  } catch {
    // A text of very many values is passed on unparsed, so it may be no JSON.
    return undefined
  }
}
