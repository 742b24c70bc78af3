/** Puts the answer to one request on its HTTP response, in the form in which it opens (BEHAVIOUR 1). */
import { type Duration, Effect, Option } from "effect"
import type { ServerResponse } from "node:http"
import type { Settings } from "../../config/Settings.ts"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { AnswerStream, Opening } from "../streams/AnswerStream.ts"
import * as HttpReply from "./HttpReply.ts"
import type { OpenStreams } from "./OpenStreams.ts"
import { writeEvents } from "./SseWriter.ts"

type Json = Extract<Opening, { readonly _tag: "Json" }>

/** How the answer opens; as a stream where it has not by itself within `patience`, so that no client's header timeout ends it. */
export const openedWithin = Effect.fnUntraced(function*(answer: AnswerStream, patience: Duration.Duration) {
  // One timer beside the wait; a race would cost two fibers a request.
  const timer = yield* Effect.forkChild(Effect.andThen(Effect.sleep(patience), answer.becomeStream))
  const opening = yield* answer.opening
  timer.interruptUnsafe()
  return opening
})

/** `id` is the request's, as it stood in its text. Interrupted where the client goes away: that ends this, not the work. */
export const writeAnswer = Effect.fnUntraced(
  function*(
    response: ServerResponse,
    answer: AnswerStream,
    id: string | null,
    { open, streams }: { readonly open: OpenStreams; readonly streams: Settings["Service"]["streams"] }
  ) {
    const opening = yield* openedWithin(answer, streams.answerAsStreamAfter)
    if (opening._tag === "Json") return yield* writeJson(response, opening, id)
    yield* open.during(
      response,
      Effect.flatMap(
        HttpReply.eventStream(response, opening.headers),
        (sink) => writeEvents(opening.reader, sink, streams.answerComment)
      )
    )
  },
  (effect, _response, answer) => Effect.onError(effect, () => answer.disconnect)
)

const writeJson = Effect.fnUntraced(
  function*(response: ServerResponse, { body, headers, status }: Json, id: string | null) {
    if (body._tag === "Whole") return yield* HttpReply.whole(response, status, body.text, headers)
    const first = yield* Effect.result(body.chunks)
    if (first._tag === "Failure") return yield* HttpReply.whole(response, 200, told(id, first.failure))
    const sink = yield* HttpReply.chunked(response, status, headers)
    let chunk = first.success
    while (Option.isSome(chunk)) {
      yield* sink.write(chunk.value)
      const next = yield* Effect.result(body.chunks)
      // Half an answer can't be taken back; a broken connection at least doesn't look like a whole one.
      if (next._tag === "Failure") return yield* Effect.sync(() => response.destroy())
      chunk = next.success
    }
    yield* Effect.sync(() => response.end())
  }
)

const told = (id: string | null, failure: RelayFailure): string =>
  errorText(id, { code: codes.relay, message: failure.message, data: { delivery: failure.delivery } })
