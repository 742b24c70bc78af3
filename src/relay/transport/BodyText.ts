/** A body's chunks put together, up to a bound, and beyond it given back as if nobody had looked. */
import { Effect, Option } from "effect"
import type { RelayFailure } from "../RelayFailure.ts"
import type { Pull } from "./RelayAnswer.ts"

export type Collected =
  | { readonly _tag: "Whole"; readonly text: string }
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
    if (Option.isNone(chunk)) return { _tag: "Whole", text: Buffer.concat(read, length).toString("utf8") }
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
