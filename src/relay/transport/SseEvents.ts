/** A body as server-sent events, decoded as they are pulled: one message each, and ids that can be asked for again. */
import { Effect, Option, Result } from "effect"
import * as Message from "../../domain/Message.ts"
import { SseDecoder } from "../../domain/SseDecoder.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"
import { AnswerCutOff, RelayFailure } from "../RelayFailure.ts"
import type { Pull } from "./RelayAnswer.ts"

/** As a `Last-Event-ID` header may carry it, once it is UTF-8; others are as good as none. */
const maxIdLength = 1024
const printable = /^[\t\x20-\x7e\x80-\uffff]*$/

const askable = (event: SseEvent): SseEvent =>
  event.id === undefined || (event.id.length <= maxIdLength && printable.test(event.id))
    ? event
    : { ...event, id: undefined }

const beginsBatch = /^\s*\[/

/** Revision 2025-03-26 lets a server put several messages into one event; the last of them carries its id. */
const single = (event: SseEvent): ReadonlyArray<SseEvent> => {
  const named = askable(event)
  const parsed = Message.parse(event.data)
  if (Result.isFailure(parsed) || parsed.success._tag !== "Batch") return [named]
  const { messages } = parsed.success
  return messages.map(({ text }, index) => ({
    ...named,
    id: index === messages.length - 1 ? named.id : undefined,
    data: text
  }))
}

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
      ready = decoded.success.some(({ data }) => beginsBatch.test(data))
        ? decoded.success.flatMap(single)
        : decoded.success.map(askable)
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
