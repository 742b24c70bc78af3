/** One request on one open relay session: crossed between the eras, sent once, and its answer read. */
import { Effect, Option, type Scope } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import * as JsonText from "../domain/JsonText.ts"
import type { SseEvent } from "../domain/SseEvent.ts"
import type { Token } from "../token/LiveToken.ts"
import { follow } from "./Following.ts"
import { RateLimited, RelayFailure } from "./RelayFailure.ts"
import { cross, type Crossing } from "./session/EraBridge.ts"
import type { OpenRelaySession } from "./session/OpenRelaySession.ts"
import type { ParamHeaders } from "./session/ParamHeaders.ts"
import type { SilenceWatch } from "./SilenceWatch.ts"
import { isMessage, jsonAnswer, notOurs, wholeBytes } from "./transport/AnswerReading.ts"
import { after, collect } from "./transport/BodyText.ts"
import type { Pull, RelayTransport } from "./transport/RelayTransport.ts"

/** The relay's JSON-RPC answer to our id. */
export interface FinalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body:
    | { readonly _tag: "Whole"; readonly text: string }
    /** JSON that is passed on as it comes. */
    | { readonly _tag: "Chunks"; readonly chunks: Pull<Uint8Array> }
}

export interface RequestOptions {
  /** The JSON-RPC text, sent byte for byte. */
  readonly text: string
  /** The request's id, as it stands in the text. */
  readonly id: string
  /** The id that it goes under at the relay, JSON text, where its own is in use; the answer comes under its own. */
  readonly as?: string | undefined
  /** Whom the token has to stand for; anything else is `OtherPrincipal`, not sent. */
  readonly principal?: PrincipalId | undefined
  /** The agent's headers that may pass. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Each SSE message that comes before the answer, in order. */
  readonly onEvent?: ((event: SseEvent, session: OpenRelaySession) => Effect.Effect<void>) | undefined
  /** Called whenever bytes of the answer's body arrive. */
  readonly onBytes?: (() => void) | undefined
  /** Called when the relay ends its stream for its client to come again. */
  readonly onPoll?: Effect.Effect<void> | undefined
  /** Called once the relay has begun to answer with SSE. */
  readonly onStream?: Effect.Effect<void> | undefined
  /**
   * Pass JSON on as it comes, unless all of it comes at once; otherwise it is collected whole, up to 16 MiB, and beyond
   * passed on.
   */
  readonly streamJson?: boolean | undefined
  /** The bound on the whole request (BEHAVIOUR 4): 10 min for a call, 10 s for lists, 30 s for reads. */
  readonly within: number
}

export const inSession = (open: OpenRelaySession, token: Option.Option<Token>) => ({
  token: Option.map(token, (token) => token.value),
  session: Option.getOrUndefined(open.id),
  protocolVersion: open.protocolVersion
})

/** A relay's own 429, as the agent's era has it and under the agent's id. */
const rateLimited = (failure: RelayFailure, crossing: Crossing, id: string): RelayFailure => {
  const { reason } = failure
  if (reason._tag !== "RateLimited" || reason.answer === undefined) return failure
  const { status, text } = crossing.answer(reason.answer.status, reason.answer.text)
  const answer = { status, headers: reason.answer.headers, text: JsonText.set(text, ["id"], id) }
  return new RelayFailure({ reason: new RateLimited({ retryAfterMillis: reason.retryAfterMillis, answer }) })
}

/** `params` is learnt from each list that comes by. */
export const asking = (transport: RelayTransport["Service"], params: ParamHeaders) =>
  Effect.fnUntraced(function*(
    options: RequestOptions,
    watch: SilenceWatch,
    open: OpenRelaySession,
    token: Option.Option<Token>
  ): Effect.fn.Return<FinalAnswer, RelayFailure, Scope.Scope> {
    const onBytes = () => {
      watch.heard()
      options.onBytes?.()
    }
    const crossing = cross(open, options, params)
    if (crossing.local !== undefined) {
      return { status: 200, headers: {}, body: { _tag: "Whole", text: crossing.local } }
    }
    const sent = { ...inSession(open, token), onBytes }
    const answer = yield* Effect.mapError(
      transport.send({ ...sent, method: "POST", body: crossing.text, headers: crossing.headers }),
      (failure) => rateLimited(failure, crossing, options.id)
    )
    const { headers, body } = answer
    const whole = (headers: Readonly<Record<string, string>>, text: string): FinalAnswer => {
      const { status, text: crossed } = crossing.answer(answer.status, text)
      return { status, headers, body: { _tag: "Whole", text: crossed } }
    }
    const chunked = (chunks: Pull<Uint8Array>): FinalAnswer => ({
      status: answer.status,
      headers,
      body: { _tag: "Chunks", chunks: watch.guard(chunks) }
    })
    switch (body._tag) {
      case "Empty":
        return yield* notOurs(answer)
      case "Json": {
        // What comes in pieces is passed on unread; what is all there already is looked at.
        const first = yield* body.chunks
        const chunks = after(Option.toArray(first), Option.isSome(first) ? body.chunks : Effect.succeedNone)
        const unread = options.streamJson === true && crossing.same && answer.status < 300
        if (unread && body.arrived?.() !== true) return chunked(chunks)
        const collected = yield* collect(chunks, wholeBytes)
        if (collected._tag === "Longer") return crossing.same ? chunked(collected.chunks) : yield* notOurs(answer)
        return whole(headers, yield* jsonAnswer(answer, collected.text, crossing.id))
      }
      case "Sse": {
        yield* options.onStream ?? Effect.void
        const text = yield* follow({
          events: body.events,
          id: crossing.id,
          onPoll: options.onPoll,
          onEvent: (event) => {
            if (!isMessage(event) || options.onEvent === undefined) return Effect.void
            const data = crossing.same ? event.data : crossing.event(event.data)
            return data === undefined ? Effect.void : options.onEvent({ ...event, data }, open)
          },
          resume: (lastEventId) => transport.send({ ...sent, method: "GET", lastEventId })
        })
        return whole({ ...headers, "content-type": "application/json" }, text)
      }
    }
  })
