/**
 * Follows an SSE answer to its end, over breaks of the connection (MCP 2025-11-25, transports, resumability).
 *
 * A stream that breaks without its answer is resumed once, if it had event ids. A relay that polls, that is, ends its
 * stream on purpose after a new event id, is followed as often as it does so, after the delay that it asked for, and
 * never at once: a relay that asks for no delay would keep both sides busy with nothing.
 */
import { Effect, Result, type Scope } from "effect"
import type { SseEvent } from "../domain/SseEvent.ts"
import { AnswerCutOff, RelayFailure } from "./RelayFailure.ts"
import { cutOff, untilAnswer } from "./transport/AnswerReading.ts"
import type { Pull, RelayAnswer } from "./transport/RelayTransport.ts"

/** What a relay may ask for before its stream is resumed, milliseconds. */
const shortestDelay = 100
const longestDelay = 30_000

export const follow = Effect.fnUntraced(function*(options: {
  readonly events: Pull<SseEvent>
  readonly id: string
  readonly onEvent: (event: SseEvent) => Effect.Effect<void>
  /** The relay ended its stream on purpose; called before it is resumed. */
  readonly onPoll?: Effect.Effect<void> | undefined
  readonly resume: (lastEventId: string) => Effect.Effect<RelayAnswer, RelayFailure, Scope.Scope>
}): Effect.fn.Return<string, RelayFailure, Scope.Scope> {
  let { events } = options
  let lastEventId = ""
  let delay = shortestDelay
  let news = false
  let resumed = false

  const onEvent = (event: SseEvent) => {
    if (event.id !== undefined && event.id !== "") {
      lastEventId = event.id
      news = true
    }
    if (event.retry !== undefined) delay = Math.max(shortestDelay, Math.min(event.retry, longestDelay))
    return options.onEvent(event)
  }

  while (true) {
    const result = yield* Effect.result(untilAnswer(events, options.id, onEvent))
    if (Result.isSuccess(result) && result.success !== undefined) return result.success
    const polls = Result.isSuccess(result) && news
    if (lastEventId === "" || (resumed && !polls)) return yield* Result.isFailure(result) ? result.failure : cutOff()
    if (polls) yield* Effect.andThen(options.onPoll ?? Effect.void, Effect.sleep(delay))
    resumed = true
    news = false
    // Whatever goes wrong here, the request itself was sent: its outcome stays unknown.
    const answer = yield* Effect.mapError(options.resume(lastEventId), ({ message }) => notResumed(message))
    if (answer.body._tag !== "Sse") return yield* notResumed(`HTTP ${answer.status}`)
    events = answer.body.events
  }
})

const notResumed = (why: string): RelayFailure =>
  new RelayFailure({ reason: new AnswerCutOff({ detail: `it could not be resumed: ${why}` }) })
