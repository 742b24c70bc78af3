/**
 * Follows an SSE answer to its end, over breaks of the connection (MCP 2025-11-25, transports, resumability).
 *
 * A stream that breaks without its answer is resumed once, if it had event ids. A relay that polls, that is, ends its
 * stream on purpose after a new event id, is followed as often as it does so, after the delay that it asked for, and
 * never at once: a relay that asks for no delay would keep both sides busy with nothing.
 */
import { Effect, Option, Result, type Scope } from "effect"
import type * as Message from "../domain/Message.ts"
import type { SseEvent } from "../domain/SseEvent.ts"
import { AnswerCutOff, RelayFailure } from "./RelayFailure.ts"
import { cutOff, type Heard, untilAnswer } from "./transport/AnswerReading.ts"
import type { Incoming } from "./transport/Incoming.ts"
import type { KnownAnswer } from "./transport/KnownAnswers.ts"
import type { RelayAnswer } from "./transport/RelayTransport.ts"

/** What a relay may ask for before its stream is resumed, milliseconds. */
const minDelay = 100
const maxDelay = 30_000

export const followStream = Effect.fnUntraced(function*(options: {
  readonly events: Incoming<SseEvent>
  readonly id: string
  /** The answer that a text repeats, where it may. */
  readonly known?: ((text: string) => KnownAnswer | undefined) | undefined
  readonly onEvent: (heard: Heard) => Effect.Effect<void> | undefined
  /** The relay ended its stream on purpose; called before it is resumed. */
  readonly onPoll?: Effect.Effect<void> | undefined
  /** Each new event id from which the stream can be read on. */
  readonly onEventId?: ((id: string) => void) | undefined
  readonly resume: (lastEventId: string) => Effect.Effect<RelayAnswer, RelayFailure, Scope.Scope>
}): Effect.fn.Return<Message.Response | KnownAnswer, RelayFailure, Scope.Scope> {
  let { events } = options
  let lastEventId = ""
  let delay = minDelay
  let idIsNew = false
  let resumed = false

  const onEvent = (heard: Heard) => {
    const { id, retry } = heard.event
    if (id !== undefined && id !== "") {
      lastEventId = id
      idIsNew = true
      options.onEventId?.(id)
    }
    if (retry !== undefined) delay = Math.max(minDelay, Math.min(retry, maxDelay))
    return options.onEvent(heard)
  }

  while (true) {
    const result = yield* Effect.result(untilAnswer(events, options.id, onEvent, options.known))
    if (Result.isSuccess(result) && Option.isSome(result.success)) return result.success.value
    const polls = Result.isSuccess(result) && idIsNew
    if (lastEventId === "" || (resumed && !polls)) return yield* Result.isFailure(result) ? result.failure : cutOff()
    if (polls) yield* Effect.andThen(options.onPoll ?? Effect.void, Effect.sleep(delay))
    resumed = true
    idIsNew = false
    // Whatever goes wrong here, the request itself was sent: its outcome stays unknown.
    const answer = yield* Effect.mapError(options.resume(lastEventId), ({ message }) => notResumed(message))
    if (answer.body._tag !== "Sse") return yield* notResumed(`HTTP ${answer.status}`)
    events = answer.body.events
  }
})

const notResumed = (why: string): RelayFailure =>
  new RelayFailure({ reason: new AnswerCutOff({ detail: `it could not be resumed: ${why}` }) })
