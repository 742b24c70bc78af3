/**
 * Finds where values stand in a JSON text, without building a tree.
 *
 * It is meant for texts that `JSON.parse` accepts. On any other text the answers mean nothing, but every function
 * returns.
 */

/** Offsets of a value: `text.slice(start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of an object, from its key on, or an element of an array, whose key is empty. */
export interface Item extends Span {
  readonly keyEnd: number
  readonly value: number
}

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** Long space is skipped by a pattern, which is quicker. */
const longSpace = 32
const noSpace = /[^ \n\r\t]/g

export const skipSpace = (text: string, from: number): number => {
  let at = from
  const near = from + longSpace
  while (at < near && isSpace(text.charCodeAt(at))) at++
  if (at < near) return at
  noSpace.lastIndex = at
  return noSpace.test(text) ? noSpace.lastIndex - 1 : text.length
}

/** Most strings are short, and where one escape is there are more: so far it goes character by character. */
const firstStride = 16
const strideAfterEscape = 256

export const skipString = (text: string, from: number): number => {
  let at = from + 1
  let stride = firstStride
  while (at < text.length) {
    const end = Math.min(at + stride, text.length)
    while (at < end) {
      const code = text.charCodeAt(at)
      if (code === quote) return at + 1
      at += code === backslash ? 2 : 1
    }
    const next = text.indexOf("\"", at)
    if (next === -1) return text.length
    let before = next - 1
    while (before >= at && text.charCodeAt(before) === backslash) before--
    if ((next - before) % 2 === 1) return next + 1
    at = next + 1
    stride = strideAfterEscape
  }
  return text.length
}

/** The end of a container, from a place inside it on. */
const skipRest = (text: string, from: number): number => {
  let depth = 1
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = skipString(text, at)
      continue
    }
    if (isSpace(code)) {
      at = skipSpace(text, at + 1)
      continue
    }
    at++
    // `[` and `{`, `]` and `}` differ by one bit.
    const kind = code | 0x20
    if (kind === openBrace) depth++
    else if (kind === closeBrace && --depth === 0) return at
  }
  return at
}

const skipContainer = (text: string, from: number): number => skipRest(text, from + 1)

export const skipScalar = (text: string, from: number): number => {
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === comma || code === closeBrace || code === closeBracket || isSpace(code)) return at
    at++
  }
  return at
}

/** The end of the value at `from`. */
export const skipValue = (text: string, from: number): number => {
  const code = text.charCodeAt(from)
  if (code === quote) return skipString(text, from)
  return code === openBrace || code === openBracket ? skipContainer(text, from) : skipScalar(text, from)
}

/** Gives the text without the space around it; looks from both ends, and not between. */
export const root = (text: string): Span => {
  let end = text.length
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--
  return { start: Math.min(skipSpace(text, 0), end), end }
}

export const isObject = (text: string, span: Span): boolean => text.charCodeAt(span.start) === openBrace
export const isArray = (text: string, span: Span): boolean => text.charCodeAt(span.start) === openBracket

const walk = (
  text: string,
  span: Span,
  visit: (start: number, keyEnd: number, value: number, end: number) => boolean,
  skip: (text: string, from: number) => number = skipValue
): void => {
  const keyed = isObject(text, span)
  if (!keyed && !isArray(text, span)) return
  let at = skipSpace(text, span.start + 1)
  while (at < span.end - 1) {
    const start = at
    const keyEnd = keyed ? skipString(text, start) : start
    const value = keyed ? skipSpace(text, skipSpace(text, keyEnd) + 1) : start
    const end = skip(text, value)
    if (visit(start, keyEnd, value, end)) return
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === comma) at = skipSpace(text, at + 1)
    if (at === start) return
  }
}

/** What `visit` gives where nothing behind a member is wanted, and so what `through` gives then. */
export const stopped = -1

/**
 * Goes once through the container at `from`, and gives its end. `visit` gets each member or element, and gives where its
 * value ends: so it can go through that, too, on the same way.
 */
export const through = (
  text: string,
  from: number,
  visit: (item: Omit<Item, "end">) => number
): number => {
  const keyed = text.charCodeAt(from) === openBrace
  let at = skipSpace(text, from + 1)
  while (at < text.length && (text.charCodeAt(at) | 0x20) !== closeBrace) {
    const start = at
    const keyEnd = keyed ? skipString(text, start) : start
    const value = keyed ? skipSpace(text, skipSpace(text, keyEnd) + 1) : start
    const end = visit({ start, keyEnd, value })
    if (end === stopped) return stopped
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === comma) at = skipSpace(text, at + 1)
    if (at === start) break
  }
  return Math.min(at + 1, text.length)
}

// A text of megabytes is looked into again and again: for its id, its result, what the result holds. What one look finds
// is kept until another such text is looked into.

const large = 64 * 1024
/** A container of more is no envelope, and is walked each time. */
const maxKept = 64
/** A message, its result or params, what they hold. */
const levels = 3

interface Seen {
  readonly text: string
  /** By where a container starts; `undefined` where it holds too many. */
  readonly layouts: Map<number, ReadonlyArray<Item> | undefined>
}

let seen: Seen = { text: "", layouts: new Map() }

/** Keeps nothing of a text that is not this one. */
export const forgetOthers = (text: string): void => {
  if (seen.layouts.size > 0 && seen.text !== text) seen = { text: "", layouts: new Map() }
}

/** Goes through the container at `start` once, and keeps what it and the large containers in it hold. Gives its end. */
const survey = (text: string, start: number, depth: number): number => {
  const keyed = text.charCodeAt(start) === openBrace
  const found: Array<Item> = []
  let at = skipSpace(text, start + 1)
  while (at < text.length && (text.charCodeAt(at) | 0x20) !== closeBrace && found.length <= maxKept) {
    const from = at
    const keyEnd = keyed ? skipString(text, from) : from
    const value = keyed ? skipSpace(text, skipSpace(text, keyEnd) + 1) : from
    const isContainer = (text.charCodeAt(value) | 0x20) === openBrace
    const end = isContainer && depth > 1 ? survey(text, value, depth - 1) : skipValue(text, value)
    found.push({ start: from, keyEnd, value, end })
    at = skipSpace(text, end)
    if (text.charCodeAt(at) !== comma) break
    at = skipSpace(text, at + 1)
  }
  const end = skipRest(text, at)
  if (end - start >= large) seen.layouts.set(start, found.length <= maxKept ? found : undefined)
  return end
}

const layoutOf = (text: string, span: Span): ReadonlyArray<Item> | undefined => {
  if (span.end - span.start < large || !(isObject(text, span) || isArray(text, span))) return undefined
  if (seen.text !== text) seen = { text, layouts: new Map() }
  if (!seen.layouts.has(span.start)) survey(text, span.start, levels)
  return seen.layouts.get(span.start)
}

/** Visits the members or elements of the container at `span` in order, until `visit` gives true; none of a scalar. */
export const each = (
  text: string,
  span: Span,
  visit: (start: number, keyEnd: number, value: number, end: number) => boolean
): void => {
  const layout = layoutOf(text, span)
  if (layout === undefined) return walk(text, span, visit)
  for (const { end, keyEnd, start, value } of layout) if (visit(start, keyEnd, value, end)) return
}

/**
 * The members or elements of the container at `span`, in order, duplicated keys included, the first `max` of them; none of
 * a scalar.
 */
export const items = (text: string, span: Span, max = Infinity): ReadonlyArray<Item> => {
  const found: Array<Item> = []
  if (max <= 0) return found
  each(text, span, (start, keyEnd, value, end) => found.push({ start, keyEnd, value, end }) >= max)
  return found
}

const isKey = (text: string, start: number, keyEnd: number, key: string): boolean => {
  const length = keyEnd - start
  if (length === key.length + 2) return text.startsWith(key, start + 1) && !key.includes("\\")
  // An escape is longer than what it stands for, 6 times at most.
  if (length < key.length + 2 || length > 6 * key.length + 2) return false
  const raw = text.slice(start, keyEnd)
  if (!raw.includes("\\")) return false
  try {
    return JSON.parse(raw) === key
  } catch {
    return false
  }
}

/** Whether the member's key means `key`, however it is escaped. */
export const hasKey = (text: string, { keyEnd, start }: Pick<Item, "start" | "keyEnd">, key: string): boolean =>
  isKey(text, start, keyEnd, key)

/**
 * Where the values of these members stand, in the order of `keys`, of several of a name the last one; and where the last
 * member of any name ends.
 */
export const members = (
  text: string,
  span: Span,
  keys: ReadonlyArray<string>
): { readonly values: ReadonlyArray<Span | undefined>; readonly lastEnd: number | undefined } => {
  const values: Array<Span | undefined> = keys.map(() => undefined)
  let lastEnd: number | undefined
  if (!isObject(text, span)) return { values, lastEnd }
  each(text, span, (start, keyEnd, value, end) => {
    for (const [index, key] of keys.entries()) {
      if (isKey(text, start, keyEnd, key)) values[index] = { start: value, end }
    }
    lastEnd = end
    return false
  })
  return { values, lastEnd }
}

/** What parsing a text would take: how deep it is nested (0 for a scalar), and whether it has more values than `maxValues`. */
export interface Measure {
  readonly depth: number
  readonly dense: boolean
}

/** Looks no further than it takes to know that the text is dense. */
export const measure = (text: string, maxValues: number): Measure => {
  let deepest = 0
  let depth = 0
  let values = 1
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = skipString(text, at)
      continue
    }
    if (isSpace(code)) {
      at = skipSpace(text, at + 1)
      continue
    }
    at++
    const kind = code | 0x20
    if (code === comma) values++
    else if (kind === openBrace) {
      values++
      if (++depth > deepest) deepest = depth
    } else if (kind === closeBrace) depth--
    if (values > maxValues) return { depth: deepest, dense: true }
  }
  return { depth: deepest, dense: false }
}
