/** Finding the JSON-RPC answer to one request in what the relay sends back. */
import { Effect, Option, Result } from "effect"
import * as Message from "../../domain/Message.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"
import { AnswerCutOff, NotJsonRpc, RelayFailure } from "../RelayFailure.ts"
import { collect } from "./BodyText.ts"
import type { Pull, RelayAnswer } from "./RelayTransport.ts"

/** What is collected whole; an answer beyond that is passed on as it comes. */
export const wholeBytes = 16 * 1024 * 1024

const responsesIn = (text: string): ReadonlyArray<Message.Response> => {
  const parsed = Message.parse(text)
  if (Result.isFailure(parsed)) return []
  const messages = parsed.success._tag === "Batch" ? parsed.success.messages : [parsed.success]
  return messages.filter((message) => message._tag === "Response")
}

/** The first response to `id`, alone or in a batch; what a relay says twice, or to nobody, is not looked at. */
const answerIn = (text: string, id: string): string | undefined =>
  responsesIn(text).find((response) => Message.sameId(response.id, id))?.text

/** A refusal of the request as a whole carries no id (JSON-RPC 2.0, section 5); its HTTP status says that it is one. */
const refusalIn = (status: number, text: string): string | undefined =>
  status < 400 ? undefined : responsesIn(text).find((response) => response.id === "null")?.text

/** The JSON text of what answers the request `id`. */
export const jsonAnswer = (answer: RelayAnswer, text: string, id: string): Effect.Effect<string, RelayFailure> => {
  const found = answerIn(text, id) ?? refusalIn(answer.status, text)
  return found === undefined ? Effect.fail(notOurs(answer)) : Effect.succeed(found)
}

export const notOurs = (answer: RelayAnswer): RelayFailure =>
  new RelayFailure({
    reason: new NotJsonRpc({
      status: answer.status,
      contentType: answer.headers["content-type"] ?? "",
      retryAfterMillis: undefined
    })
  })

/** Gives each event to `onEvent`, in order, until the one that answers `id`; `undefined` where the stream ends first. */
export const untilAnswer = Effect.fnUntraced(function*(
  events: Pull<SseEvent>,
  id: string,
  onEvent: (event: SseEvent) => Effect.Effect<void>
) {
  while (true) {
    const event = yield* events
    if (Option.isNone(event)) return undefined
    const found = isMessage(event.value) ? answerIn(event.value.data, id) : undefined
    if (found !== undefined) return found
    yield* onEvent(event.value)
  }
})

/** Events of another type are not MCP's. */
export const isMessage = (event: SseEvent): boolean =>
  event.data !== "" && (event.event === undefined || event.event === "message")

/** The text of the answer to `id`; whatever else the relay says meanwhile is passed over. */
export const wholeAnswer = Effect.fnUntraced(function*(
  answer: RelayAnswer,
  id: string
): Effect.fn.Return<string, RelayFailure> {
  switch (answer.body._tag) {
    case "Empty":
      return yield* notOurs(answer)
    case "Json": {
      const collected = yield* collect(answer.body.chunks, wholeBytes)
      return collected._tag === "Whole" ? yield* jsonAnswer(answer, collected.text, id) : yield* notOurs(answer)
    }
    case "Sse":
      return (yield* untilAnswer(answer.body.events, id, () => Effect.void)) ?? (yield* cutOff())
  }
})

export const cutOff = (): RelayFailure =>
  new RelayFailure({ reason: new AnswerCutOff({ detail: "the stream ended before it" }) })
