/**
 * Reads and changes JSON text by offsets: whatever is not spliced stays byte for byte (big integers, key order,
 * spacing, escapes).
 *
 * It is meant for texts that `JSON.parse` accepts, and agrees with it: of a duplicated key the last one counts. Nothing
 * here fails; where there is nothing to change, the text comes back as it was.
 */
import { each, hasKey, isArray, isObject, items, members, root, skipSpace, type Span } from "./JsonScan.ts"

export type { Span } from "./JsonScan.ts"

/** Keys of objects and indices of arrays, from the outside in. */
export type Path = ReadonlyArray<string | number>

/** The value in the container at `span`, and the end of an object's last member. */
const step = (text: string, span: Span, segment: string | number) => {
  if (typeof segment === "string") {
    const { lastEnd, values } = members(text, span, [segment])
    return { value: values[0], lastEnd }
  }
  const item = isArray(text, span) ? items(text, span, segment + 1)[segment] : undefined
  return { value: item && { start: item.value, end: item.end }, lastEnd: undefined }
}

const locate = (text: string, path: Path): Span | undefined => {
  let span = root(text)
  for (const segment of path) {
    const { value } = step(text, span, segment)
    if (value === undefined) return undefined
    span = value
  }
  return span
}

const splice = (text: string, span: Span, replacement: string): string =>
  text.slice(0, span.start) + replacement + text.slice(span.end)

const isNull = (text: string, span: Span): boolean => text.startsWith("null", span.start)

/** The members of `path` around `valueText`, as objects inside each other. */
const nested = (path: Path, valueText: string): string =>
  path.reduceRight<string>((inner, segment) => `{${JSON.stringify(segment)}:${inner}}`, valueText)

/** Where the value at `path` stands; `undefined` where there is none. */
export const spanAt: (text: string, path: Path) => Span | undefined = locate

/** The value at `path` as it stands in the text; `undefined` where there is none. */
export const at = (text: string, path: Path): string | undefined => {
  const span = locate(text, path)
  return span && text.slice(span.start, span.end)
}

/**
 * Puts `valueText` at `path`: replaces the value that is there, else becomes the last member of the object that lacks
 * it. Objects that are missing on the way, or `null`, are made; a way through any other value changes nothing.
 */
export const set = (text: string, path: Path, valueText: string): string => {
  let span = root(text)
  for (const [depth, segment] of path.entries()) {
    const { lastEnd, value } = step(text, span, segment)
    if (value !== undefined) {
      span = value
      continue
    }
    const rest = path.slice(depth)
    if (rest.some((segment) => typeof segment === "number")) return text
    if (isNull(text, span)) return splice(text, span, nested(rest, valueText))
    if (!isObject(text, span)) return text
    const end = lastEnd ?? span.start + 1
    const inserted = nested(rest, valueText).slice(1, -1)
    return splice(text, { start: end, end }, lastEnd === undefined ? inserted : `,${inserted}`)
  }
  return splice(text, span, valueText)
}

export interface Change {
  readonly path: ReadonlyArray<string>
  readonly value: string
}

/**
 * As `set` for each change in turn, and each object is looked through only once. Only keys of objects, and no path may
 * lead to or through where another leads to.
 */
export const setAll = (text: string, changes: ReadonlyArray<Change>): string => {
  const { end, start } = root(text)
  return text.slice(0, start) + changedValue(text, { start, end }, changes, 0) + text.slice(end)
}

const changedValue = (text: string, span: Span, changes: ReadonlyArray<Change>, depth: number): string => {
  const [first] = changes
  if (first !== undefined && depth === first.path.length) return first.value
  if (!isObject(text, span)) {
    return isNull(text, span) ? changedValue("{}", root("{}"), changes, depth) : text.slice(span.start, span.end)
  }
  const names = [...new Set(changes.map(({ path }) => path[depth] ?? ""))]
  const { lastEnd, values } = members(text, span, names)
  const replaced: Array<readonly [Span, string]> = []
  const added: Array<string> = []
  for (const [index, name] of names.entries()) {
    const inside = changes.filter(({ path }) => path[depth] === name)
    const value = values[index]
    if (value !== undefined) replaced.push([value, changedValue(text, value, inside, depth + 1)])
    else added.push(`${JSON.stringify(name)}:${changedValue("null", root("null"), inside, depth + 1)}`)
  }
  const end = lastEnd ?? span.start + 1
  if (added.length > 0) replaced.push([{ start: end, end }, (lastEnd === undefined ? "" : ",") + added.join(",")])
  let out = ""
  let from = span.start
  for (const [{ end, start }, value] of replaced.sort(([one], [other]) => one.start - other.start)) {
    out += text.slice(from, start) + value
    from = end
  }
  return out + text.slice(from, span.end)
}

/** Gives the text with some of the container's items; each keeps what stood between it and the one before. */
export const keepItems = <I extends Span>(
  text: string,
  span: Span,
  all: ReadonlyArray<I>,
  render: (item: I, index: number) => string | undefined
): string => {
  let out = ""
  let changed = false
  for (const [index, item] of all.entries()) {
    const rendered = render(item, index)
    if (rendered === undefined) {
      changed = true
      continue
    }
    const from = out === "" ? span.start : all[index - 1]!.end
    const to = out === "" ? all[0]!.start : item.start
    out += text.slice(from, to) + rendered
    changed ||= rendered.length !== item.end - item.start || !text.startsWith(rendered, item.start)
  }
  if (!changed) return text
  return splice(text, span, (out || text[span.start]) + text.slice(all.at(-1)!.end, span.end))
}

/** The container's text without some of its items; each that stays keeps what stood between it and the one before. */
const without = (
  text: string,
  span: Span,
  isGone: (item: { readonly start: number; readonly keyEnd: number }, index: number) => boolean
): string => {
  let out = ""
  let from = 0
  let index = 0
  let lastEnd = span.start + 1
  let hasKept = false
  each(text, span, (start, keyEnd, _value, end) => {
    if (isGone({ start, keyEnd }, index++)) {
      out += text.slice(from, lastEnd)
      from = end
    } else if (!hasKept) {
      // What stood before the first item now stands before this one.
      if (from > 0) {
        const first = skipSpace(text, span.start + 1)
        out = text.slice(0, first)
        from = start
      }
      hasKept = true
    }
    lastEnd = end
    return false
  })
  return from === 0 ? text : out + text.slice(from)
}

/** Takes the member or element at `path` out, with its comma and, of a duplicated key, all of it. */
export const remove = (text: string, path: Path): string => {
  const segment = path.at(-1)
  const span = segment === undefined ? undefined : locate(text, path.slice(0, -1))
  if (span === undefined || segment === undefined) return text
  if (typeof segment === "number" ? !isArray(text, span) : !isObject(text, span)) return text
  return without(
    text,
    span,
    (item, index) => typeof segment === "number" ? index === segment : hasKey(text, item, segment)
  )
}

/** The elements of the array at `path` as they stand in the text, the first `max` of them; none where there is no array. */
export const elements = (text: string, path: Path, max = Infinity): ReadonlyArray<string> => {
  const span = locate(text, path)
  if (span === undefined || !isArray(text, span)) return []
  return items(text, span, max).map((item) => text.slice(item.start, item.end))
}

export const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * The members of the object at `path`: what their keys mean, and their values as they stand in the text, of a duplicated
 * key the last one; none where there is no object. The object is gone through once.
 */
export const membersOf = (text: string, path: Path): ReadonlyArray<readonly [string, string]> => {
  const span = locate(text, path)
  if (span === undefined || !isObject(text, span)) return []
  const all = items(text, span).map(({ end, keyEnd, start, value }) =>
    [String(JSON.parse(text.slice(start, keyEnd))), text.slice(value, end)] as const
  )
  return [...new Map(all)]
}

/** Replaces each element of the array at `path` by what `f` makes of its text; `undefined` drops it, with its comma. */
export const mapElements = (
  text: string,
  path: Path,
  f: (element: string, index: number) => string | undefined
): string => {
  const span = locate(text, path)
  if (span === undefined || !isArray(text, span)) return text
  return keepItems(text, span, items(text, span), (item, index) => f(text.slice(item.start, item.end), index))
}

/** Keeps the elements of the array at `path` that `keep` accepts, in order and as they were. */
export const keepElements = (text: string, path: Path, keep: (element: string, index: number) => boolean): string =>
  mapElements(text, path, (element, index) => keep(element, index) ? element : undefined)
