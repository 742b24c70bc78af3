/** Where the statements of a TOML text begin and end: as much of the grammar as it takes to change one table as text. */

export interface Statement {
  readonly start: number
  /** Behind its line's end. */
  readonly end: number
  /** Of a header `[a.b]` or a pair `a.b = …`. */
  readonly key: ReadonlyArray<string>
  readonly isHeader: boolean
}

const segment = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+))\s*(\.)?/y

/** The key that starts at an offset. */
const keyAt = (text: string, from: number): ReadonlyArray<string> => {
  const key: Array<string> = []
  segment.lastIndex = from
  for (let found = segment.exec(text); found !== null; found = segment.exec(text)) {
    key.push(found[1] ?? found[2] ?? found[3] ?? "")
    if (found[4] === undefined) break
  }
  return key
}

const strings: ReadonlyArray<readonly [open: string, close: RegExp]> = [
  ["\"\"\"", /(?:[^\\]|\\[^])*?"""+/y],
  ["'''", /[^]*?'''+/y],
  ["\"", /(?:[^"\\\n]|\\.)*(?:"|(?=\n)|$)/y],
  ["'", /[^'\n]*(?:'|(?=\n)|$)/y]
]

/** Behind the string that starts at an offset; the offset itself where none does. */
const behindString = (text: string, at: number): number => {
  const found = strings.find(([open]) => text.startsWith(open, at))
  if (found === undefined) return at
  const [open, close] = found
  close.lastIndex = at + open.length
  return close.exec(text) === null ? text.length : close.lastIndex
}

/** Behind the end of the line on which the value that is open at an offset ends. */
const behindValue = (text: string, from: number): number => {
  let depth = 0
  let at = from
  while (at < text.length) {
    const behind = behindString(text, at)
    if (behind > at) {
      at = behind
      continue
    }
    const character = text[at]
    if (character === "#") {
      const end = text.indexOf("\n", at)
      at = end < 0 ? text.length : end
      continue
    }
    if (character === "[" || character === "{") depth += 1
    if (character === "]" || character === "}") depth -= 1
    at += 1
    if (character === "\n" && depth <= 0) return at
  }
  return text.length
}

export const statements = (text: string): ReadonlyArray<Statement> => {
  const found: Array<Statement> = []
  let at = 0
  while (at < text.length) {
    const start = at
    const blank = /[ \t\r\n]*/y
    blank.lastIndex = at
    blank.exec(text)
    at = blank.lastIndex
    if (at >= text.length) break
    if (text[at] === "#") {
      const end = text.indexOf("\n", at)
      at = end < 0 ? text.length : end + 1
      continue
    }
    const header = /\[\[?/y
    header.lastIndex = at
    const isHeader = header.exec(text) !== null
    const key = keyAt(text, isHeader ? header.lastIndex : at)
    const end = behindValue(text, at)
    found.push({ start: text.lastIndexOf("\n", at - 1) + 1, end, key, isHeader })
    at = Math.max(end, start + 1)
  }
  return found
}

/** A table, with those below it, where each of them begins at its header and ends with its last pair. */
export const tableRanges = (
  text: string,
  path: ReadonlyArray<string>
): ReadonlyArray<{ readonly start: number; readonly end: number }> => {
  const ranges: Array<{ start: number; end: number }> = []
  let open: { start: number; end: number } | undefined
  for (const { end, isHeader, key, start } of statements(text)) {
    if (isHeader) {
      open = path.every((name, index) => key[index] === name) ? { start, end } : undefined
      if (open !== undefined) ranges.push(open)
    } else if (open !== undefined) open.end = end
  }
  return ranges
}

/** Whether the table, or what is around it, is written by pairs (`a.b.c = …`, `b = { … }`) and not under its own header. */
export const isWrittenInline = (text: string, path: ReadonlyArray<string>): boolean => {
  let table: ReadonlyArray<string> = []
  return statements(text).some(({ isHeader, key }) => {
    if (isHeader) {
      table = key
      return false
    }
    if (path.every((name, index) => table[index] === name)) return false
    const whole = [...table, ...key]
    return whole.slice(0, path.length).every((name, index) => name === path[index])
  })
}
