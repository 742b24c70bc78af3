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

export const skipSpace = (text: string, from: number): number => {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

export const skipString = (text: string, from: number): number => {
  let at = text.indexOf("\"", from + 1)
  while (at !== -1) {
    let before = at - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((at - before) % 2 === 1) return at + 1
    at = text.indexOf("\"", at + 1)
  }
  return text.length
}

const skipContainer = (text: string, from: number): number => {
  let depth = 0
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = skipString(text, at)
      continue
    }
    at++
    if (code === openBrace || code === openBracket) depth++
    else if ((code === closeBrace || code === closeBracket) && --depth === 0) return at
  }
  return at
}

export const skipScalar = (text: string, from: number): number => {
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === comma || code === closeBrace || code === closeBracket || isSpace(code)) return at
    at++
  }
  return at
}

const skipValue = (text: string, from: number): number => {
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

/** Visits the members or elements of the container at `span` in order, until `visit` gives true; none of a scalar. */
const walk = (
  text: string,
  span: Span,
  visit: (start: number, keyEnd: number, value: number, end: number) => boolean
): void => {
  const keyed = isObject(text, span)
  if (!keyed && !isArray(text, span)) return
  let at = skipSpace(text, span.start + 1)
  while (at < span.end - 1) {
    const start = at
    const keyEnd = keyed ? skipString(text, start) : start
    const value = keyed ? skipSpace(text, skipSpace(text, keyEnd) + 1) : start
    const end = skipValue(text, value)
    if (visit(start, keyEnd, value, end)) return
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === comma) at = skipSpace(text, at + 1)
    if (at === start) return
  }
}

/**
 * The members or elements of the container at `span`, in order, duplicated keys included, the first `max` of them; none of
 * a scalar.
 */
export const items = (text: string, span: Span, max = Infinity): ReadonlyArray<Item> => {
  const found: Array<Item> = []
  if (max <= 0) return found
  walk(text, span, (start, keyEnd, value, end) => found.push({ start, keyEnd, value, end }) >= max)
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
export const hasKey = (text: string, { keyEnd, start }: Item, key: string): boolean => isKey(text, start, keyEnd, key)

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
  if (isObject(text, span)) {
    walk(text, span, (start, keyEnd, value, end) => {
      for (const [index, key] of keys.entries()) {
        if (isKey(text, start, keyEnd, key)) values[index] = { start: value, end }
      }
      lastEnd = end
      return false
    })
  }
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
    at++
    if (code === openBrace || code === openBracket) {
      depth++
      values++
      if (depth > deepest) deepest = depth
    } else if (code === closeBrace || code === closeBracket) depth--
    else if (code === comma) values++
    if (values > maxValues) return { depth: deepest, dense: true }
  }
  return { depth: deepest, dense: false }
}
