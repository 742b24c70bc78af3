/** A body's chunks put together, up to a bound, and beyond it given back as if nobody had looked. */
import { Effect, Option } from "effect"
import type { RelayFailure } from "../RelayFailure.ts"
import type { Pull } from "./RelayAnswer.ts"

/** All of a body, decoded when it is read as text. */
export class WholeBody {
  readonly _tag = "Whole"
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly length: number
  #text: string | undefined

  constructor(chunks: ReadonlyArray<Uint8Array>, length: number) {
    this.chunks = chunks
    this.length = length
  }

  static ofText(text: string): WholeBody {
    const bytes = Buffer.from(text)
    return new WholeBody([bytes], bytes.length)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks, this.length)
  }

  get text(): string {
    return this.#text ??= this.bytes.toString("utf8")
  }
}

export type Collected =
  | WholeBody
  /** Longer than the bound: from its first byte on. */
  | { readonly _tag: "Longer"; readonly chunks: Pull<Uint8Array> }

export const collect = Effect.fnUntraced(function*(
  chunks: Pull<Uint8Array>,
  most: number
): Effect.fn.Return<Collected, RelayFailure> {
  const read: Array<Uint8Array> = []
  let length = 0
  while (length <= most) {
    const chunk = yield* chunks
    if (Option.isNone(chunk)) return new WholeBody(read, length)
    read.push(chunk.value)
    length += chunk.value.length
  }
  return { _tag: "Longer", chunks: after(read, chunks) }
})

/** These chunks first, then the rest. */
export const after = (first: ReadonlyArray<Uint8Array>, rest: Pull<Uint8Array>): Pull<Uint8Array> => {
  let next = 0
  return Effect.suspend(() => {
    const chunk = first[next]
    if (chunk === undefined) return rest
    next++
    return Effect.succeed(Option.some(chunk))
  })
}

export const ofText = (text: string): Pull<Uint8Array> =>
  after([Buffer.from(text, "utf8")], Effect.succeed(Option.none()))
