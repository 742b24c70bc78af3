/**
 * Caches what was made of the last few texts. The same string is found at no cost, an equal one by comparing
 * characters.
 */
const maxTexts = 8
/** The newest one stays, whatever its length. */
const maxCharacters = 32 * 1024 * 1024

export class TextMemo<A> {
  readonly #make: (text: string) => A
  /** The most recently used one first. */
  #known: ReadonlyArray<{ readonly text: string; readonly value: A }> = []

  constructor(make: (text: string) => A) {
    this.#make = make
  }

  has(text: string): boolean {
    return this.#known.some((known) => known.text === text)
  }

  of(text: string): A {
    const [newest] = this.#known
    if (newest?.text === text) return newest.value
    const found = this.#known.find((known) => known.text === text) ?? { text, value: this.#make(text) }
    let characters = 0
    this.#known = [found, ...this.#known.filter((known) => known !== found)].filter((known, index) => {
      characters += known.text.length
      return index === 0 || (index < maxTexts && characters <= maxCharacters)
    })
    return found.value
  }
}
