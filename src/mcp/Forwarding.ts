/**
 * A request of the agent on its way to the relay, with nothing changed (BEHAVIOUR 1, 4).
 *
 * Waits for a link that is Down as long as BEHAVIOUR allows; what only reads is reissued once when it was cut off; any
 * failure is told as a JSON-RPC error in HTTP 200, in words a model understands.
 */
import { Context, Deferred, Duration, Effect, Layer, Option, type Scope } from "effect"
import { Settings } from "../config/Settings.ts"
import * as EraForm from "../domain/EraForm.ts"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import type { Request } from "../domain/Message.ts"
import { relayError } from "../relay/link/FailureText.ts"
import { RelayLink } from "../relay/link/RelayLink.ts"
import { type FinalAnswer, RelayClient } from "../relay/RelayClient.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"
import type { Pull } from "../relay/transport/RelayTransport.ts"
import type { Noted, Outcome } from "./Outcome.ts"
import type { AgentSession } from "./sessions/AgentSession.ts"
import type { AnswerStream } from "./streams/AnswerStream.ts"
import { RelayMessages } from "./streams/RelayMessages.ts"

export interface Passage {
  /** The agent's headers that may pass. */
  readonly headers: Readonly<Record<string, string>>
  /** Where what the relay says ahead of its answer goes, and the answer's form is decided. */
  readonly answer: AnswerStream
  readonly noted: Noted
  /** The id that it goes under at the relay, JSON text, where the agent uses its own for two requests at once. */
  readonly as?: string | undefined
  /** The request's method, where the agent speaks the modern era and is to be answered in its form. */
  readonly modern?: string | undefined
  readonly within: Duration.Duration
  /** Only reads, so that it may be sent again when it was cut off. */
  readonly reads: boolean
  /** JSON leaves as it comes. */
  readonly streamJson?: boolean | undefined
  /** Looks at the whole answer before the agent gets it. */
  readonly onWhole?: ((text: string) => Effect.Effect<void>) | undefined
}

/** One for each relay. */
export class Forwarding extends Context.Service<Forwarding, {
  /** One attempt, without waiting for the link. */
  readonly attempt: (
    session: AgentSession,
    request: { readonly text: string; readonly id: string },
    passage: Passage & { readonly onBytes?: (() => void) | undefined }
  ) => Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope>
  /** The relay's answer; waits for the link, and reissues what only reads once. */
  readonly ask: (session: AgentSession, request: Request, passage: Passage) => Effect.Effect<
    FinalAnswer,
    RelayFailure,
    Scope.Scope
  >
  /** Asks and tells the agent whatever comes of it. */
  readonly forward: (session: AgentSession, request: Request, passage: Passage) => Effect.Effect<void>
  /**
   * Tells the agent of a failure; never as an HTTP failure, which clients count against the server. A relay's own 429
   * keeps status and words.
   */
  readonly tell: (passage: Told, request: Request, failure: RelayFailure) => Effect.Effect<void>
}>()("holdfast/mcp/Forwarding") {
  static readonly layer = Layer.effect(
    Forwarding,
    Effect.gen(function*() {
      const client = yield* RelayClient
      const link = yield* RelayLink
      const messages = yield* RelayMessages

      const attempt: Forwarding["Service"]["attempt"] = (session, request, passage) =>
        client.request(session.relay, {
          text: request.text,
          id: request.id,
          as: passage.as,
          headers: passage.headers,
          timeout: Duration.toMillis(passage.within),
          streamJson: passage.streamJson,
          onBytes: passage.onBytes,
          onStream: () => Effect.runFork(passage.answer.stream),
          onPoll: passage.answer.poll,
          onEvent: Effect.fnUntraced(function*(event, from) {
            const passed = yield* messages.received(session, event.data, from)
            if (passed !== undefined) yield* passage.answer.message(passed.data, passed.supersedes)
          })
        })

      const ask: Forwarding["Service"]["ask"] = (session, request, passage) => {
        const once = Effect.andThen(link.awaitUp, attempt(session, request, passage))
        return passage.reads
          ? Effect.catchIf(
            once,
            (failure) => failure.downClass && failure.reason._tag !== "LinkDown",
            (first) => Effect.mapError(once, (second) => worse(first, second))
          )
          : once
      }

      const tell: Forwarding["Service"]["tell"] = Effect.fnUntraced(function*(passage, request, failure) {
        const { reason } = failure
        if (reason._tag === "RateLimited" && reason.answer !== undefined && failure.opening !== true) {
          const { headers, status, text } = reason.answer
          passage.noted.outcome = "error"
          return yield* passage.answer.answer({ _tag: "Json", status, headers, body: { _tag: "Whole", text } })
        }
        yield* refuse(passage, request, relayError(failure, yield* link.state))
      })

      const forward = Effect.fnUntraced(
        function*(session: AgentSession, request: Request, passage: Passage) {
          const final = yield* ask(session, request, passage)
          if (final.body._tag === "Whole") {
            if (passage.onWhole !== undefined) yield* passage.onWhole(final.body.text)
            return yield* passage.answer.answer({ _tag: "Json", ...final, body: final.body })
          }
          // The attempt has to stay open for as long as its bytes are being passed on to somebody.
          const { chunks, passed } = yield* watched(final.body.chunks)
          yield* passage.answer.answer({ _tag: "Json", ...final, body: { _tag: "Chunks", chunks } })
          if ((yield* passage.answer.opening)._tag === "Sse") return
          yield* Effect.raceFirst(Deferred.await(passed), passage.answer.disconnected).pipe(
            Effect.timeoutOption(passage.within)
          )
        },
        (effect, _session, request, passage) =>
          Effect.catch(Effect.scoped(effect), (failure) => tell(passage, request, failure))
      )

      return Forwarding.of({ attempt, ask, forward, tell })
    })
  )
}

/** Of two attempts at one request: that the second was not sent says nothing of the first. */
const worse = (first: RelayFailure, second: RelayFailure): RelayFailure =>
  second.downClass && second.delivery === "not sent" ? first : second

/** Where an answer goes, and how it is reported. */
export type Told = Pick<Passage, "answer" | "noted" | "modern">

/** Answers a request with an error of our own. */
export const refuse = (
  passage: Told,
  request: Request,
  error: JsonRpcError.JsonRpcError,
  status = 200
): Effect.Effect<void> => say(passage, JsonRpcError.text(request.id, error), "error", status)

/** Answers with a JSON-RPC text of our own. */
export const say = (
  { answer, modern, noted }: Told,
  text: string,
  outcome: Outcome,
  status = 200
): Effect.Effect<void> =>
  Effect.suspend(() => {
    noted.outcome = outcome
    const whole = modern === undefined ? text : EraForm.modernResponse(text, modern)
    return answer.answer({ _tag: "Json", status, headers: {}, body: { _tag: "Whole", text: whole } })
  })

const watched = Effect.fnUntraced(function*(chunks: Pull<Uint8Array>) {
  const passed = yield* Deferred.make<void>()
  return {
    passed,
    chunks: chunks.pipe(
      Effect.tap((chunk) => Option.isNone(chunk) ? Deferred.succeed(passed, undefined) : Effect.void),
      Effect.onError(() => Deferred.succeed(passed, undefined))
    )
  }
})

/** The bound on a request by its method (BEHAVIOUR 4). */
export const boundOf = (settings: Settings["Service"], method: string): Duration.Duration => {
  if (method === "tools/call") return settings.link.callTimeout
  return method === "initialize" || method.endsWith("/list") ? settings.link.listTimeout : settings.link.readTimeout
}

const reading = new Set([
  "ping",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "prompts/get",
  "resources/read",
  "completion/complete"
])

/** Whether a method only reads, so that it may be sent again. */
export const onlyReads = (method: string): boolean => reading.has(method)
