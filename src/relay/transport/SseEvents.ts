/** A body as server-sent events, decoded as they are pulled. */
import { Effect, Option, Result } from "effect"
import { SseDecoder } from "../../domain/SseDecoder.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"
import { AnswerCutOff, RelayFailure } from "../RelayFailure.ts"
import type { Pull } from "./RelayAnswer.ts"

/** An event larger than 16 MiB breaks the stream off. */
export const sseEvents = (chunks: Pull<Uint8Array>): Pull<SseEvent> => {
  const decoder = new SseDecoder()
  let ready: ReadonlyArray<SseEvent> = []
  let next = 0

  const more = Effect.gen(function*() {
    while (true) {
      const chunk = yield* chunks
      if (Option.isNone(chunk)) return Option.none<SseEvent>()
      const decoded = decoder.push(chunk.value)
      if (Result.isFailure(decoded)) {
        return yield* new RelayFailure({ reason: new AnswerCutOff({ detail: decoded.failure.message }) })
      }
      ready = decoded.success
      next = 0
      const event = ready[next++]
      if (event !== undefined) return Option.some(event)
    }
  })

  return Effect.suspend(() => {
    const event = ready[next]
    if (event === undefined) return more
    next++
    return Effect.succeed(Option.some(event))
  })
}
