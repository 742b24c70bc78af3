/**
 * Tools lists as agents see them, each narrowed, encoded and digested once: for as long as the relay gives the same list,
 * whoever may see the same tools of it gets the same text and the same bytes.
 */
import { Option } from "effect"
import { type ListText, nameOf, readList } from "../domain/ListText.ts"
import { TextMemo } from "../domain/TextMemo.ts"
import * as ListResult from "./ListResult.ts"
import * as Narrowing from "./Narrowing.ts"

/** Views of one list that are remembered at once; one more starts afresh. */
const maxViews = 16

export class NarrowedList {
  readonly result: string
  /** Facts whose lack hides tools of it. */
  readonly lacking: ReadonlyArray<string>
  #read: ListText | undefined
  #bytes: Buffer | undefined
  #fingerprint: string | undefined

  /** `read`: the same result, where it was read already. */
  constructor(result: string, lacking: ReadonlyArray<string> = [], read?: ListText) {
    this.result = result
    this.lacking = lacking
    this.#read = read
  }

  get read(): ListText {
    return this.#read ??= readList("tools", this.result)
  }

  get bytes(): Buffer {
    return this.#bytes ??= Buffer.from(this.result)
  }

  get fingerprint(): string {
    return this.#fingerprint ??= ListResult.fingerprint(this.read)
  }
}

type HeldIn = (result: string) => ReadonlySet<number>
const nowhere: ReadonlySet<number> = new Set()
const holdsNothing: HeldIn = () => nowhere

interface OwnTool {
  readonly name: string
  /** Its text. */
  readonly definition: string
}

interface KnownList {
  readonly plain: ListText
  readonly names: ReadonlyArray<string | undefined>
  /** By the places of the tools that are hidden. */
  readonly views: Map<string, NarrowedList>
}

export class NarrowedLists {
  readonly #known: TextMemo<KnownList>
  readonly #heldIn: HeldIn
  readonly #own: ReadonlyArray<OwnTool>

  /**
   * `heldIn`: the places of the tools that are held back, whatever the rules say. `own`: tools that are Holdfast's; they
   * stand behind the last of the relay's, and in the place of those of the same name.
   */
  constructor(
    isBufferable: (tool: string) => boolean,
    heldIn: HeldIn = holdsNothing,
    own: ReadonlyArray<OwnTool> = []
  ) {
    this.#heldIn = heldIn
    this.#own = own
    this.#known = new TextMemo((result) => {
      const read = readList("tools", result)
      const without = Narrowing.withoutOutputSchema(read, isBufferable)
      const plain = without === result ? read : readList("tools", without)
      return { plain, names: plain.items.map(nameOf), views: new Map() }
    })
  }

  /** What needs no rules to be asked, for a long list before it is narrowed. */
  read(result: string): void {
    this.#known.of(result)
  }

  /** The rules are asked each time, so it makes no difference what they depend on. */
  narrow(result: string, hides: Narrowing.Hides): NarrowedList {
    const { names, plain, views } = this.#known.of(result)
    const held = this.#heldIn(result)
    const isOurs = (name: string | undefined) => this.#own.some((tool) => tool.name === name)
    const hidden = names.flatMap((name, index) =>
      held.has(index) || isOurs(name) || (name !== undefined && Option.isSome(hides(name))) ? [index] : []
    )
    const key = hidden.join()
    const known = views.get(key)
    if (known !== undefined) return known
    const places = new Set(hidden)
    const lacking = new Set(hidden.flatMap((index) => {
      const name = names[index]
      const rule = name === undefined ? Option.none() : hides(name)
      return Option.isSome(rule) ? [rule.value.needs] : []
    }))
    const narrowed = Narrowing.without(plain, (_, index) => places.has(index))
    const withOwn = ListResult.withTools(narrowed, this.#own.map(({ definition }) => definition))
    const made = new NarrowedList(withOwn, [...lacking], withOwn === plain.text ? plain : undefined)
    if (views.size >= maxViews) views.clear()
    views.set(key, made)
    return made
  }
}
