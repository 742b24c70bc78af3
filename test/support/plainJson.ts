/** RFC 8259, read as it stands there: V8's own parser mistakes escaped keys. Throws a SyntaxError for anything else. */

const escapes: Readonly<Record<string, string>> = {
  "\"": "\"",
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t"
}

const words: ReadonlyArray<readonly [string, unknown]> = [["true", true], ["false", false], ["null", null]]

class Reader {
  #at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  whole(): unknown {
    const value = this.#value()
    if (this.#at !== this.#text.length) this.#fail()
    return value
  }

  #fail(): never {
    throw new SyntaxError(`no JSON at ${this.#at}`)
  }

  #next(form: RegExp): string | undefined {
    form.lastIndex = this.#at
    const found = form.exec(this.#text)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  #space(): void {
    this.#next(/[ \t\n\r]*/y)
  }

  #is(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #value(): unknown {
    this.#space()
    const value = this.#inner()
    this.#space()
    return value
  }

  #inner(): unknown {
    if (this.#text[this.#at] === "\"") return this.#string()
    if (this.#is("{")) return this.#object()
    if (this.#is("[")) return this.#array()
    const word = words.find(([text]) => this.#is(text))
    if (word !== undefined) return word[1]
    const number = this.#next(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    return number === undefined ? this.#fail() : Number(number)
  }

  #string(): string {
    if (!this.#is("\"")) this.#fail()
    let out = ""
    while (!this.#is("\"")) {
      // eslint-disable-next-line no-control-regex
      const plain = this.#next(/[^"\\\u0000-\u001f]+/y)
      if (plain !== undefined) {
        out += plain
        continue
      }
      const code = this.#next(/\\u[0-9a-fA-F]{4}/y)
      if (code !== undefined) {
        out += String.fromCharCode(Number.parseInt(code.slice(2), 16))
        continue
      }
      const escape = this.#next(/\\["\\/bfnrt]/y)
      out += escape === undefined ? this.#fail() : escapes[escape.slice(1)]
    }
    return out
  }

  #object(): unknown {
    const members: Array<[string, unknown]> = []
    this.#space()
    if (this.#is("}")) return {}
    do {
      this.#space()
      const key = this.#string()
      this.#space()
      if (!this.#is(":")) this.#fail()
      members.push([key, this.#value()])
    } while (this.#is(","))
    return this.#is("}") ? Object.fromEntries(members) : this.#fail()
  }

  #array(): unknown {
    const elements: Array<unknown> = []
    this.#space()
    if (this.#is("]")) return elements
    do {
      elements.push(this.#value())
    } while (this.#is(","))
    return this.#is("]") ? elements : this.#fail()
  }
}

export const plainJson = (text: string): unknown => new Reader(text).whole()
