/**
 * The relay's last answers to lists, by their bytes: one that differs from a known one by its id alone is neither decoded
 * nor parsed again.
 */
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type * as Message from "../../domain/Message.ts"
import type { WholeBody } from "./BodyText.ts"

const maxAnswers = 8
/** The newest one stays however long it is. */
const maxBytes = 32 * 1024 * 1024

/** An answer as it came the first time. */
export class KnownAnswer {
  readonly _tag = "Known"
  /** Its text: the same string for as long as the relay answers the same. */
  readonly result: string
  /** What stands before and behind the id. */
  readonly before: Buffer
  readonly after: Buffer
  readonly #head: string
  readonly #tail: string
  /** The id stands before the result, as far into `head`; else behind it, as far into `tail`. */
  readonly #idIsFirst: boolean
  readonly #idAt: number
  readonly #idLength: number
  #legacy: string | undefined
  #modern: string | undefined

  constructor(text: string, id: JsonText.Span, result: JsonText.Span, bytes: { before: Buffer; after: Buffer }) {
    this.before = bytes.before
    this.after = bytes.after
    this.result = text.slice(result.start, result.end)
    this.#head = text.slice(0, result.start)
    this.#tail = text.slice(result.end)
    this.#idIsFirst = id.start < result.start
    this.#idAt = this.#idIsFirst ? id.start : id.start - result.end
    this.#idLength = id.end - id.start
  }

  /** What stands before and behind the result in the answer to the request `id`. */
  around(id: string): { readonly head: string; readonly tail: string } {
    const named = (text: string) => text.slice(0, this.#idAt) + id + text.slice(this.#idAt + this.#idLength)
    return this.#idIsFirst
      ? { head: named(this.#head), tail: this.#tail }
      : { head: this.#head, tail: named(this.#tail) }
  }

  /** The result in the form of either era, worked out once. */
  legacyResult(): string {
    return this.#legacy ??= EraForm.legacyResult(this.result)
  }
  modernResult(method: string): string {
    return this.#modern ??= EraForm.modernResult(this.result, method)
  }

  get size(): number {
    return this.before.length + this.after.length
  }
}

/** Whether `part` stands at `at` in the body. */
const standsAt = ({ chunks }: WholeBody, at: number, part: Buffer): boolean => {
  let from = at
  let compared = 0
  for (const chunk of chunks) {
    if (compared === part.length) return true
    if (from >= chunk.length) {
      from -= chunk.length
      continue
    }
    const length = Math.min(chunk.length - from, part.length - compared)
    if (part.compare(chunk, from, from + length, compared, compared + length) !== 0) return false
    compared += length
    from = 0
  }
  return compared === part.length
}

export class KnownAnswers {
  /** Most recently given first. */
  #known: ReadonlyArray<KnownAnswer> = []

  /** The answer that this body repeats for the request `id`. */
  find(body: WholeBody, id: string): KnownAnswer | undefined {
    const idBytes = Buffer.from(id)
    const found = this.#known.find(({ after, before }) =>
      body.length === before.length + idBytes.length + after.length
      && standsAt(body, 0, before)
      && standsAt(body, before.length, idBytes)
      && standsAt(body, before.length + idBytes.length, after)
    )
    if (found !== undefined && found !== this.#known[0]) this.#remember(found)
    return found
  }

  /** From now on known; `undefined` where the answer is none that could come again: an error, or half an answer. */
  learn(body: WholeBody, response: Message.Response, id: string): KnownAnswer | undefined {
    const { text } = body
    if (response.error !== undefined || response.text !== text || response.id !== id) return undefined
    const idSpan = JsonText.spanAt(text, ["id"])
    const result = JsonText.spanAt(text, ["result"])
    if (idSpan === undefined || result === undefined) return undefined
    if (JsonText.at(text, ["result", "resultType"]) === "\"input_required\"") return undefined
    const { bytes } = body
    const start = Buffer.byteLength(text.slice(0, idSpan.start))
    const end = start + Buffer.byteLength(id)
    // Bytes that are no UTF-8 are as many characters of another length.
    if (bytes.toString("utf8", start, end) !== id) return undefined
    const known = new KnownAnswer(text, idSpan, result, {
      before: bytes.subarray(0, start),
      after: bytes.subarray(end)
    })
    this.#remember(known)
    return known
  }

  #remember(newest: KnownAnswer): void {
    let size = 0
    this.#known = [newest, ...this.#known.filter((known) => known !== newest)].filter((known, index) => {
      size += known.size
      return index === 0 || (index < maxAnswers && size <= maxBytes)
    })
  }
}
