/** Finding the JSON-RPC answer to one request in what the relay sends back. */
import { Effect, Option, Result } from "effect"
import * as Message from "../../domain/Message.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"
import { AnswerCutOff, NotJsonRpc, RelayFailure } from "../RelayFailure.ts"
import { collect } from "./BodyText.ts"
import type { Incoming } from "./Incoming.ts"
import type { RelayAnswer } from "./RelayTransport.ts"

/** What is collected whole; an answer beyond that is passed on as it comes. */
export const maxWholeBytes = 16 * 1024 * 1024

/** A text of that many characters takes so long that others have their turn before more is done with it. */
const longText = 1024 * 1024

export const isLong = (text: string): boolean => text.length > longText

/** Behind bytes of a socket the first yield goes on in the same turn of the event loop; the second does not. */
const nextTurn = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

export const letOthersIn = (text: string): Effect.Effect<void> => isLong(text) ? nextTurn : Effect.void

/** What is said in one text; a batch, which some servers answer with, is several. */
const messagesIn = (text: string): ReadonlyArray<Message.Message> => {
  const parsed = Message.parse(text)
  if (Result.isFailure(parsed)) return []
  return parsed.success._tag === "Batch" ? parsed.success.messages : [parsed.success]
}

/** The first response to `id`, alone or in a batch; what a relay says twice, or to nobody, is not looked at. */
const answerIn = (messages: ReadonlyArray<Message.Message>, id: string): Message.Response | undefined =>
  messages.find((message): message is Message.Response => message._tag === "Response" && Message.sameId(message.id, id))

/** A refusal of the request as a whole carries no id (JSON-RPC 2.0, section 5); its HTTP status says that it is one. */
const refusalIn = (messages: ReadonlyArray<Message.Message>, status: number): Message.Response | undefined =>
  status < 400
    ? undefined
    : messages.find((message): message is Message.Response => message._tag === "Response" && message.id === "null")

/** What answers the request `id`, parsed this once. */
export const jsonAnswer = (
  answer: RelayAnswer,
  text: string,
  id: string
): Effect.Effect<Message.Response, RelayFailure> => {
  const messages = messagesIn(text)
  const found = answerIn(messages, id) ?? refusalIn(messages, answer.status)
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

/** An event of the relay's stream, and what it says where that is a JSON-RPC message. */
export interface Heard {
  readonly event: SseEvent
  readonly message: Message.Message | undefined
}

/**
 * Gives each event to `onEvent`, in order, until the one that answers `id`; `None` where the stream ends first. What
 * `onEvent` gives is waited for before the next.
 */
export const untilAnswer = <A = never>(
  events: Incoming<SseEvent>,
  id: string,
  onEvent: (heard: Heard) => Effect.Effect<void> | undefined,
  recognize: (text: string) => A | undefined = () => undefined
): Effect.Effect<Option.Option<Message.Response | A>, RelayFailure> =>
  events.until<Message.Response | A>((event) => {
    const recognized = isMessage(event) ? recognize(event.data) : undefined
    if (recognized !== undefined) return Effect.succeedSome(recognized)
    const messages = isMessage(event) ? messagesIn(event.data) : []
    const found = answerIn(messages, id)
    if (found !== undefined) return Effect.succeedSome(found)
    const wait = onEvent({ event, message: messages[0] })
    return wait && Effect.andThen(wait, untilAnswer(events, id, onEvent, recognize))
  })

/** Events of another type are not MCP's. */
export const isMessage = (event: SseEvent): boolean =>
  event.data !== "" && (event.event === undefined || event.event === "message")

/** The answer to `id`; whatever else the relay says meanwhile is passed over. */
export const wholeAnswer = Effect.fnUntraced(function*(
  answer: RelayAnswer,
  id: string
): Effect.fn.Return<Message.Response, RelayFailure> {
  switch (answer.body._tag) {
    case "Empty":
      return yield* notOurs(answer)
    case "Json": {
      const collected = yield* collect(answer.body.chunks, maxWholeBytes)
      return collected._tag === "Whole" ? yield* jsonAnswer(answer, collected.text, id) : yield* notOurs(answer)
    }
    case "Sse":
      return yield* Effect.flatMap(
        untilAnswer(answer.body.events, id, () => undefined),
        Option.match({ onNone: () => Effect.fail(cutOff()), onSome: Effect.succeed })
      )
  }
})

export const cutOff = (): RelayFailure =>
  new RelayFailure({ reason: new AnswerCutOff({ detail: "the stream ended before it" }) })
