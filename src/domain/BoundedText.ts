/** Reads the body of an answer that comes from elsewhere than the relay's transport, and stops at a limit. */
import { Effect, Schema, Stream } from "effect"
import type { HttpClientResponse } from "effect/http"

/** The limit for a token, for metadata, for a daemon's own answer. */
export const maxBytes = 1024 * 1024

export class TooLong extends Schema.TaggedError<TooLong>()("TooLong", {}) {
  override get message(): string {
    return `the answer is longer than ${maxBytes} bytes`
  }
}

/** Fails as soon as the limit is passed; the end of the request's scope then closes the connection. */
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
