/** A body as server-sent events, decoded as they come: one message each, and ids that can be asked for again. */
import { Effect, type Option, Result } from "effect"
import * as Message from "../../domain/Message.ts"
import { SseDecoder } from "../../domain/SseDecoder.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"
import { AnswerCutOff, RelayFailure } from "../RelayFailure.ts"
import type { Incoming } from "./Incoming.ts"

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

/** After so many events everybody else has a turn: a relay may send them faster than they are read. */
const maxInARow = 100

/** An event larger than 16 MiB breaks the stream off. */
export const sseEvents = (chunks: Incoming<Uint8Array>): Incoming<SseEvent> => {
  const decoder = new SseDecoder()
  let ready: ReadonlyArray<SseEvent> = []
  let next = 0
  let inARow = 0

  const decode = (chunk: Uint8Array): RelayFailure | undefined => {
    const decoded = decoder.push(chunk)
    if (Result.isFailure(decoded)) {
      return new RelayFailure({ reason: new AnswerCutOff({ detail: decoded.failure.message }) })
    }
    ready = decoded.success.some(({ data }) => beginsBatch.test(data))
      ? decoded.success.flatMap(single)
      : decoded.success.map(askable)
    next = 0
    return undefined
  }

  const handOut = <B>(onEvent: (event: SseEvent) => Effect.Effect<Option.Option<B>, RelayFailure> | undefined) => {
    for (let event = ready[next]; event !== undefined; event = ready[next]) {
      if (inARow === maxInARow) {
        inARow = 0
        return Effect.andThen(Effect.yieldNow, events.until(onEvent))
      }
      inARow++
      next++
      const done = onEvent(event)
      if (done !== undefined) return done
    }
    return undefined
  }

  const events: Incoming<SseEvent> = {
    until: (onEvent) =>
      Effect.suspend(() =>
        handOut(onEvent) ?? chunks.until((chunk) => {
          const failure = decode(chunk)
          return failure === undefined ? handOut(onEvent) : Effect.fail(failure)
        })
      )
  }
  return events
}
