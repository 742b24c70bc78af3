/** A body's chunks put together, up to a bound, and beyond it given back as if nobody had looked. */
import { Effect, Option } from "effect"
import type { RelayFailure } from "../RelayFailure.ts"
import { after, type IncomingBytes } from "./Incoming.ts"

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
  /** Longer than the bound, or slower than it may be: from its first byte on. */
  | { readonly _tag: "Longer"; readonly chunks: IncomingBytes }

/** Up to `max` bytes; where nothing is `awaited`, only what comes at once. */
export const collect = (
  chunks: IncomingBytes,
  max: number,
  { awaited = true }: { readonly awaited?: boolean } = {}
): Effect.Effect<Collected, RelayFailure> =>
  Effect.suspend(() => {
    const read: Array<Uint8Array> = []
    let length = 0
    const longer = chunks.until<Collected>((chunk) => {
      read.push(chunk)
      length += chunk.length
      return length > max || !(awaited || chunks.hasArrived)
        ? Effect.succeedSome({ _tag: "Longer", chunks: after(read, chunks) })
        : undefined
    })
    return Effect.map(longer, Option.getOrElse((): Collected => new WholeBody(read, length)))
  })
