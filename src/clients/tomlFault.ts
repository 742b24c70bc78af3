/**
 * Where a TOML text breaks off, and why. As much of the grammar (TOML 1.0) as a hand that slips breaks: keys, strings,
 * brackets, what ends a line, a table or key that is there twice. What a number or a date looks like is not checked.
 */

/** Found at `at`; the text of the fault is never quoted, since it may be a secret. */
class Fault {
  readonly why: string
  readonly at: number
  constructor(why: string, at: number) {
    this.why = why
    this.at = at
  }
}

const blank = /[ \t]*/y
const lines = /(?:[ \t\r\n]|#[^\n]*)*/y
const lineEnd = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y
const keyPart = /[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*/y
const scalar = /[A-Za-z0-9+_.:-]+(?: \d[\d:.+Z-]*)?/y
const stringForms: ReadonlyArray<readonly [open: string, whole: RegExp]> = [
  ["\"\"\"", /"""(?:[^\\"]|\\[^]|"(?!""))*"{3,5}/y],
  ["'''", /'''(?:[^']|'(?!''))*'{3,5}/y],
  ["\"", /"(?:[^"\\\n]|\\.)*"/y],
  ["'", /'[^'\n]*'/y]
]

class Scanner {
  readonly #text: string
  #at = 0
  /** Tables by their paths, and keys by the paths of their tables. */
  readonly #known = new Set<string>()
  #table = ""

  constructor(text: string) {
    this.#text = text
  }

  file(): void {
    for (this.#take(lines); this.#at < this.#text.length; this.#take(lines)) {
      const from = this.#at
      if (this.#skips("[[")) {
        this.#table = JSON.stringify(this.#key())
        // Each item of an array begins anew, with tables of its own.
        this.#known.clear()
        this.#expect("]]", "a table's name has no \"]]\"")
      } else if (this.#skips("[")) {
        this.#table = JSON.stringify(this.#key())
        this.#expect("]", "a table's name has no \"]\"")
        this.#once(`[${this.#table}]`, "this table is there twice", from)
      } else this.#pair(this.#table)
      const end = this.#at
      if (this.#take(lineEnd) === undefined) throw new Fault("something follows where the line should end", end)
    }
  }

  #pair(table: string): void {
    const from = this.#at
    const key = this.#key()
    this.#once(`${table} ${JSON.stringify(key)}`, "this key is there twice", from)
    this.#expect("=", "a key without \"=\"")
    this.#value()
  }

  #key(): ReadonlyArray<string> {
    const key: Array<string> = []
    do {
      const from = this.#at
      const found = this.#take(keyPart)
      if (found === undefined) throw new Fault("a key is expected", from)
      key.push(found[1] ?? found[2] ?? found[3] ?? "")
    } while (this.#skips("."))
    return key
  }

  #value(): void {
    this.#take(blank)
    const from = this.#at
    const string = stringForms.find(([open]) => this.#text.startsWith(open, from))
    if (string !== undefined) {
      if (this.#take(string[1]) === undefined) throw new Fault("a string has no end", from)
    } else if (this.#skips("[")) this.#items("]", from, () => this.#value())
    else if (this.#skips("{")) this.#items("}", from, () => this.#pair(`{${from}`))
    else if (this.#take(scalar) === undefined) throw new Fault("a value is expected", from)
  }

  #items(close: string, opened: number, item: () => void): void {
    this.#take(lines)
    while (!this.#skips(close)) {
      if (this.#at >= this.#text.length) throw new Fault(`a bracket has no "${close}"`, opened)
      item()
      this.#take(lines)
      if (!this.#skips(",") && !this.#text.startsWith(close, this.#at)) {
        throw new Fault(`"," or "${close}" is expected`, this.#at)
      }
      this.#take(lines)
    }
  }

  #once(name: string, why: string, at: number): void {
    if (this.#known.has(name)) throw new Fault(why, at)
    this.#known.add(name)
  }

  #expect(token: string, why: string): void {
    this.#take(blank)
    if (!this.#skips(token)) throw new Fault(why, this.#at)
  }

  #skips(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    return true
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found
  }
}

/** `: why at line L, column C`; empty where the text is TOML. */
export const tomlFault = (text: string): string => {
  try {
    new Scanner(text.replace(/^\uFEFF/, " ")).file()
    return ""
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    const before = text.slice(0, fault.at).split("\n")
    return `: ${fault.why} at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
  }
}
