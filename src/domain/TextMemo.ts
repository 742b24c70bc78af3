/**
 * Caches what was made of the last few texts. The same string is found at no cost, an equal one by comparing
 * characters.
 */
const maxTexts = 8
/** The newest one stays, whatever its length. */
const maxCharacters = 32 * 1024 * 1024

interface Known<A> {
  readonly text: string
  readonly value: A
}

export class TextMemo<A> {
  readonly #make: (text: string) => A
  /** The most recently used one first. */
  #known: ReadonlyArray<Known<A>> = []

  constructor(make: (text: string) => A) {
    this.#make = make
  }

  has(text: string): boolean {
    return this.#known.some((known) => known.text === text)
  }

  of(text: string): A {
    const [newest] = this.#known
    if (newest?.text === text) return newest.value
    const found = this.#known.find((known) => known.text === text)
    return found === undefined ? this.keep(text, this.#make(text)) : this.#remember(found)
  }

  /** What was made of a text elsewhere. */
  keep(text: string, value: A): A {
    return this.#remember({ text, value })
  }

  #remember(newest: Known<A>): A {
    let characters = 0
    this.#known = [newest, ...this.#known.filter(({ text }) => text !== newest.text)].filter((known, index) => {
      characters += known.text.length
      return index === 0 || (index < maxTexts && characters <= maxCharacters)
    })
    return newest.value
  }
}
