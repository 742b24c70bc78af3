/**
 * TOML as text to be changed. Effect's parser says what a text means, before and after; here is only found where its
 * statements begin and end. A change that does not mean exactly what was wanted is not made.
 */
import { Option, Predicate, Result } from "effect"
import { Toml } from "effect/encoding"
import { isDeepStrictEqual } from "node:util"

export type Tree = Record<string, unknown>

/** The parser's words, unless they quote the text, which may hold a secret; always where. */
const faultOf = (message: string): string => {
  const [, words = "", place = ""] = /^(.*) at (line \d+, column \d+)$/s.exec(message) ?? []
  return place === "" ? "" : `: ${/'[^']{2,}'/s.test(words) ? "" : `${words} `}at ${place}`
}

/** Fails with what follows "it is not TOML": `: why at line L, column C`. */
export const parse = (text: string): Result.Result<Tree, string> =>
  Result.mapError(Toml.parse(text), ({ message }) => faultOf(message))

/** What is at the path, through tables alone. */
export const at = (tree: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (value, key) => isTable(value) && Object.hasOwn(value, key) ? value[key] : undefined,
    tree
  )

export const isTable = (value: unknown): value is Tree =>
  Predicate.isObject(value) && !Array.isArray(value) && !(value instanceof Date)

export interface Span {
  readonly start: number
  /** Behind its last line's end. */
  readonly end: number
}

const behindQuotes = (text: string, from: number, quote: string): number => {
  let next = from
  while (text[next] === quote) next += 1
  return next
}

/** Behind the string that is open at an offset. */
const behindString = (text: string, from: number): number => {
  const quote = text.charAt(from)
  const long = quote.repeat(3)
  const close = text.startsWith(long, from) ? long : quote
  let next = from + close.length
  while (next < text.length) {
    if (quote === "\"" && text[next] === "\\") next += 2
    else if (text.startsWith(close, next)) {
      next += close.length
      // A long string may end in quotes of its own.
      return close === long ? behindQuotes(text, next, quote) : next
    } else next += 1
  }
  return text.length
}

const behindLine = (text: string, from: number): number => {
  const end = text.indexOf("\n", from)
  return end < 0 ? text.length : end + 1
}

/** Behind the last line of the statement that begins at an offset. */
const behindStatement = (text: string, from: number): number => {
  let depth = 0
  let next = from
  while (next < text.length) {
    const character = text.charAt(next)
    if (character === "\"" || character === "'") next = behindString(text, next)
    else if (character === "#") next = text.indexOf("\n", next) < 0 ? text.length : text.indexOf("\n", next)
    else {
      if (character === "[" || character === "{") depth += 1
      if (character === "]" || character === "}") depth -= 1
      next += 1
      if (character === "\n" && depth <= 0) return next
    }
  }
  return text.length
}

/** Headers and pairs, from the beginning of their line; of a text that is TOML. */
const statementsIn = (text: string): ReadonlyArray<Span & { readonly isHeader: boolean }> => {
  const found: Array<Span & { readonly isHeader: boolean }> = []
  let next = 0
  let line = 0
  while (next < text.length) {
    const character = text.charAt(next)
    if (character === "\n") line = next + 1
    if (character === "#") {
      next = behindLine(text, next)
      line = next
    } else if (character.trim() === "") next += 1
    else {
      const end = behindStatement(text, next)
      found.push({ start: line, end, isHeader: character === "[" })
      next = end
      line = end
    }
  }
  return found
}

/** The names that one statement alone gives, from the outside in, while there is one. */
const namesOf = (statement: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  let value: unknown = Result.getOrUndefined(parse(statement))
  while (isTable(value)) {
    const [name, another] = Object.keys(value)
    if (name === undefined || another !== undefined) break
    names.push(name)
    value = value[name]
  }
  return names
}

export interface Table extends Span {
  readonly path: ReadonlyArray<string>
  /** What stands in it, by the first name of each. */
  readonly pairs: ReadonlyArray<Span & { readonly key: string }>
}

/** The tables with a header of their own, as far as their last pair. Those of arrays have no pairs here. */
export const tablesIn = (text: string): ReadonlyArray<Table> => {
  const tables: Array<
    { path: ReadonlyArray<string>; start: number; end: number; pairs: Array<Table["pairs"][number]> }
  > = []
  for (const { end, isHeader, start } of statementsIn(text)) {
    const statement = text.slice(start, end)
    const table = tables.at(-1)
    if (isHeader) {
      const names = namesOf(statement)
      const isArray = statement.trimStart().startsWith("[[")
      tables.push({ path: isArray ? [...names, ""] : names, start, end, pairs: [] })
    } else if (table !== undefined) {
      table.end = end
      table.pairs.push({ start, end, key: namesOf(statement)[0] ?? "" })
    }
  }
  return tables
}

export interface Edit extends Span {
  readonly text: string
}

/** The edited text, where it means what `wanted` makes of what the text meant before. */
export const edited = (
  text: string,
  edits: ReadonlyArray<Edit>,
  wanted: (tree: Tree) => void
): Option.Option<string> => {
  const after = edits.toSorted((a, b) => b.start - a.start).reduce(
    (text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end),
    text
  )
  const [before, result] = [parse(text), parse(after)]
  if (Result.isFailure(before) || Result.isFailure(result)) return Option.none()
  wanted(before.success)
  return isDeepStrictEqual(before.success, result.success) ? Option.some(after) : Option.none()
}

/** A table as the parser makes one. */
export const table = (members: Readonly<Record<string, unknown>>): Tree => Object.assign(Object.create(null), members)
