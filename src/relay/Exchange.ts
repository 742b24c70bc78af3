/** One request on one open relay session: translated between the eras, sent once, and its answer read. */
import { Effect, Option, Schedule, type Scope } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import * as JsonText from "../domain/JsonText.ts"
import type * as Message from "../domain/Message.ts"
import type { Token } from "../token/LiveToken.ts"
import type { OpenRelaySession } from "./handshake/OpenRelaySession.ts"
import { RateLimited, RelayFailure } from "./RelayFailure.ts"
import { followStream } from "./ResumableStream.ts"
import type { ResumePoint } from "./ResumePoint.ts"
import { translate, type Translation } from "./session/EraTranslator.ts"
import type { ParamHeaders } from "./session/ParamHeaders.ts"
import type { SilenceWatch } from "./SilenceWatch.ts"
import { isLong, isMessage, jsonAnswer, letOthersIn, maxWholeBytes, notOurs } from "./transport/AnswerReading.ts"
import { collect, WholeBody } from "./transport/BodyText.ts"
import type { IncomingBytes } from "./transport/Incoming.ts"
import { type KnownAnswer, KnownAnswers } from "./transport/KnownAnswers.ts"
import { carrying } from "./transport/RelayAnswer.ts"
import type { RelayAnswer, RelayTransport } from "./transport/RelayTransport.ts"

/** The relay's JSON-RPC answer to our id. */
export interface FinalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body:
    | { readonly _tag: "Whole"; readonly text: string }
    /** JSON that is passed on as it comes; `length` is all of it in bytes, where the relay said so. */
    | { readonly _tag: "Chunks"; readonly chunks: IncomingBytes; readonly length?: number | undefined }
  /** The result by which a relay of the modern era requires input of an agent of the legacy one; the body says so as an error. */
  readonly needsInput?: string | undefined
  /** The text in parts, of an answer that `repeats`: the result is the same string for as long as the relay's is the same. */
  readonly parts?: { readonly head: string; readonly result: string; readonly tail: string } | undefined
}

/** What the relay says ahead of its answer. */
export interface RelayEvent {
  readonly data: string
  /** Parsed, where it stands in `data` as the relay sent it. */
  readonly message: Message.Message | undefined
}

export interface RequestOptions {
  /** The JSON-RPC text, sent byte for byte. */
  readonly text: string
  /** The same in UTF-8, where that is at hand. */
  readonly bytes?: Uint8Array | undefined
  /** The request's id, as it stands in the text. */
  readonly id: string
  /** The id that it goes under at the relay, JSON text, where its own is in use; the answer comes under its own. */
  readonly as?: string | undefined
  /** Whom the token has to stand for; anything else is `OtherPrincipal`, not sent. */
  readonly principal?: PrincipalId | undefined
  /** The agent's headers that may pass. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Each SSE message that comes before the answer, in order; what it gives is waited for before the next. */
  readonly onEvent?: ((event: RelayEvent, session: OpenRelaySession) => Effect.Effect<void> | undefined) | undefined
  /** Called whenever bytes of the answer's body arrive. */
  readonly onBytes?: (() => void) | undefined
  /** Called when the relay ends its stream for its client to come again. */
  readonly onPoll?: Effect.Effect<void> | undefined
  /** Called with each new place from which the answer's stream can be read on. */
  readonly onResumable?: ((point: ResumePoint) => void) | undefined
  /** Called once the relay has begun to answer with SSE. */
  readonly onStream?: (() => void) | undefined
  /**
   * Pass JSON on as it comes, unless all of it comes at once; otherwise it is collected whole, up to 16 MiB, and beyond
   * passed on.
   */
  readonly streamJson?: boolean | undefined
  /** It is answered the same again and again: an answer that differs from one before by its id alone is not parsed. */
  readonly repeats?: boolean | undefined
  /** The bound on the whole request, milliseconds (BEHAVIOUR 4). */
  readonly timeout: number
}

export const inSession = (open: OpenRelaySession, token: Option.Option<Token>) => ({
  agent: open.agent,
  ...carrying(token),
  session: Option.getOrUndefined(open.id),
  protocolVersion: open.protocolVersion
})

/** `params` is learnt from each list that comes by. */
export const exchange = (transport: RelayTransport["Service"], params: ParamHeaders) => {
  const answers = new KnownAnswers()
  return Effect.fnUntraced(function*(
    options: RequestOptions,
    watch: SilenceWatch,
    open: OpenRelaySession,
    token: Option.Option<Token>
  ): Effect.fn.Return<FinalAnswer, RelayFailure, Scope.Scope> {
    const translation = translate(open, options, params)
    if (translation.local !== undefined) {
      return { status: 200, headers: {}, body: { _tag: "Whole", text: translation.local } }
    }
    const attempt = { ...inSession(open, token), watch }
    const bytes = translation.unchanged ? options.bytes : undefined
    const answer = yield* Effect.mapError(
      transport.send({ ...attempt, method: "POST", body: translation.text, bytes, headers: translation.headers }),
      (failure) => failure.reason._tag === "RateLimited" ? rateLimited(failure, translation, options.id) : failure
    )

    const whole = (headers: Readonly<Record<string, string>>, response: Message.Response): FinalAnswer => {
      const { needsInput, status, text } = translation.answer(answer.status, response.text)
      return { status, headers, body: { _tag: "Whole", text }, needsInput }
    }
    const known = (headers: Readonly<Record<string, string>>, known: KnownAnswer): FinalAnswer => {
      const result = translation.known(known)
      const { head, tail } = known.around(options.id)
      return {
        status: answer.status,
        headers,
        body: { _tag: "Whole", text: head + result + tail },
        parts: { head, result, tail }
      }
    }
    const mayRepeat = options.repeats === true && answer.status === 200
    const recognized = (body: WholeBody) => mayRepeat ? answers.find(body, translation.id) : undefined
    const learnt = (
      headers: Readonly<Record<string, string>>,
      response: Message.Response,
      body: () => WholeBody
    ): FinalAnswer => {
      const answer = mayRepeat ? answers.learn(body(), response, translation.id) : undefined
      return answer === undefined ? whole(headers, response) : known(headers, answer)
    }
    const chunked = (chunks: IncomingBytes): FinalAnswer => ({
      status: answer.status,
      headers: answer.headers,
      body: { _tag: "Chunks", chunks, length: answer.length }
    })

    switch (answer.body._tag) {
      case "Empty":
        return yield* notOurs(answer)
      case "Json": {
        // What comes in pieces is passed on unread; what is all there already is looked at.
        const unread = options.streamJson === true && translation.unchanged && answer.status < 300
        const collected = yield* collect(answer.body.chunks, maxWholeBytes, { awaited: !unread })
        if (collected._tag === "Longer") {
          return translation.unchanged ? chunked(collected.chunks) : yield* notOurs(answer)
        }
        const repeated = recognized(collected)
        if (repeated !== undefined) return known(answer.headers, repeated)
        const { text } = collected
        if (isLong(text)) yield* letOthersIn(text)
        const response = yield* jsonAnswer(answer, text, translation.id)
        if (isLong(text)) yield* letOthersIn(text)
        return learnt(answer.headers, response, () => collected)
      }
      case "Sse": {
        options.onStream?.()
        const { onResumable } = options
        const response = yield* followStream({
          events: answer.body.events,
          id: translation.id,
          known: mayRepeat ? (text) => recognized(WholeBody.ofText(text)) : undefined,
          onPoll: options.onPoll,
          onEvent: ({ event, message }) => {
            if (!isMessage(event) || options.onEvent === undefined) return undefined
            const data = translation.event(event.data)
            if (data === undefined) return undefined
            return options.onEvent({ data, message: data === event.data ? message : undefined }, open)
          },
          onEventId: onResumable && ((eventId) => {
            const session = Option.getOrUndefined(open.id)
            const { protocolVersion } = open
            onResumable({ ...(session !== undefined && { session }), protocolVersion, eventId, id: translation.id })
          }),
          resume: (lastEventId) => whenBack(watch, transport.send({ ...attempt, method: "GET", lastEventId }))
        })
        if (response._tag !== "Known") yield* letOthersIn(response.text)
        const headers = withJsonType(answer)
        return response._tag === "Known"
          ? known(headers, response)
          : learnt(headers, response, () => WholeBody.ofText(response.text))
      }
    }
  })
}

const tryAgain = Schedule.spaced("500 millis")

/** A relay that restarts has the stream again in a moment: it is asked until the watch over silence ends that. */
const whenBack = <A, R>(watch: SilenceWatch, attempt: Effect.Effect<A, RelayFailure, R>) =>
  watch.guard(Effect.retry(attempt, { schedule: tryAgain, while: ({ reason }) => reason._tag === "ConnectFailed" }))

/** A relay's own 429, as the agent's era has it and under the agent's id. */
const rateLimited = (failure: RelayFailure, translation: Translation, id: string): RelayFailure => {
  const { reason } = failure
  if (reason._tag !== "RateLimited" || reason.answer === undefined) return failure
  const { status, text } = translation.answer(reason.answer.status, reason.answer.text)
  const answer = { status, headers: reason.answer.headers, text: JsonText.set(text, ["id"], id) }
  return new RelayFailure({ reason: new RateLimited({ retryAfterMillis: reason.retryAfterMillis, answer }) })
}

const withJsonType = ({ headers }: RelayAnswer) => ({ ...headers, "content-type": "application/json" })
