/** The body of an answer from outside the relay's own transport: read up to a bound, and cut off there. */
import { Effect, Schema, Stream } from "effect"
import type { HttpClientResponse } from "effect/http"

/** What a token, metadata or a daemon's own answer may take. */
export const maxBytes = 1024 * 1024

export class TooLong extends Schema.TaggedError<TooLong>()("TooLong", {}) {
  override get message(): string {
    return `the answer is longer than ${maxBytes} bytes`
  }
}

/** Fails while it is being read: closing the request's scope then breaks the connection off. */
export const boundedText = Effect.fnUntraced(function*({ stream }: HttpClientResponse.HttpClientResponse) {
  const parts: Array<Uint8Array> = []
  let length = 0
  yield* Stream.runForEach(stream, (part) => {
    length += part.length
    if (length > maxBytes) return Effect.fail(new TooLong())
    parts.push(part)
    return Effect.void
  })
  return Buffer.concat(parts, length).toString("utf8")
})
