/**
 * A request of the agent on its way to the relay, with nothing changed (BEHAVIOUR 1, 4).
 *
 * Waits for a link that is Down as long as BEHAVIOUR allows; what only reads is sent once more when it was cut off.
 */
import { Clock, Duration, Effect, type Scope } from "effect"
import { callTimeouts } from "../../config/CallTimeouts.ts"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { factsOf, isList, type TimeoutClass } from "../../domain/Methods.ts"
import { Happenings, ofAgent } from "../../observability/Happenings.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { type FinalAnswer, RelayClient, type RequestOptions } from "../../relay/RelayClient.ts"
import { RelayFailure } from "../../relay/RelayFailure.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { type Ahead, type Answer, answered, progressPrefix, type RequestContext } from "./Handler.ts"
import type * as InputRounds from "./InputRounds.ts"
import type { Passed, RelayMessages } from "./RelayMessages.ts"

export interface AttemptOptions {
  /** What is sent in the place of the agent's own request. */
  readonly sent?: { readonly text: string; readonly id: string; readonly headers: Readonly<Record<string, string>> }
  readonly onBytes?: (() => void) | undefined
  /** JSON leaves as it comes. */
  readonly streamJson?: boolean | undefined
  /** Only reads, so that it may be sent again; by its method, where nothing is said. */
  readonly onlyReads?: boolean | undefined
}

export interface PassThrough {
  /** One attempt, without waiting for the link. */
  readonly attempt: (
    context: RequestContext,
    ahead: Ahead,
    options?: AttemptOptions
  ) => Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope>
  /** How a request goes on that waited for its agent's answers when Holdfast ended. */
  readonly again: InputRounds.Send
  /** The relay's answer; waits for the link, and sends what only reads once more. */
  readonly ask: (
    context: RequestContext,
    ahead: Ahead,
    options?: AttemptOptions
  ) => Effect.Effect<Answer, RelayFailure, Scope.Scope>
}

export const make = Effect.fnUntraced(function*(messages: RelayMessages, rounds: InputRounds.InputRounds) {
  const settings = yield* Settings
  const { link: { listTimeout, readTimeout } } = settings
  const { live, queued } = callTimeouts(settings)
  const client = yield* RelayClient
  const link = yield* RelayLink
  const { id: relay } = yield* RelayTarget
  const happenings = yield* Happenings
  const clock = yield* Clock.Clock
  const timeouts: Readonly<Record<TimeoutClass, number>> = {
    list: Duration.toMillis(listTimeout),
    read: Duration.toMillis(readTimeout),
    call: Duration.toMillis(live)
  }
  /** The outbox's live attempt holds its lane. */
  const ofOutbox = Duration.toMillis(queued)

  const tellProgress = ({ session, trace }: RequestContext, { data, supersedes }: Passed): void => {
    if (trace === undefined || supersedes?.startsWith(progressPrefix) !== true) return
    trace.progress++
    // Nobody looks more often, and a relay may flood.
    const now = clock.monotonicTimeNanosUnsafe()
    if (trace.progress > 1 && now - trace.progressAt < minBetweenProgress) return
    trace.progressAt = now
    const { call, progress: count, tool } = trace
    happenings.tell("call.progress", ofAgent(session.agent), {
      relay,
      call,
      tool,
      ...numberAt(data, "progress"),
      ...numberAt(data, "total"),
      count
    }, session.id)
  }

  /** Sends what it is given, as often as that takes. */
  const sender = (
    session: AgentSession,
    method: string,
    ahead: Ahead,
    options: AttemptOptions = {},
    context?: RequestContext
  ) => {
    const askedBy = session.modern ? ahead.askedBy?.() : undefined
    return (what: Pick<RequestOptions, "text" | "bytes" | "id" | "as" | "headers">) =>
      client.request(session.relay, {
        ...what,
        timeout: options.sent === undefined ? timeouts[factsOf(method).timeout] : ofOutbox,
        repeats: isList(method),
        streamJson: options.streamJson,
        onBytes: options.onBytes,
        onResumable: resumableOf(ahead, context),
        onStream: () => ahead.relayStreams(),
        onPoll: Effect.sync(() => ahead.relayPolls()),
        onEvent: (event, from) => {
          const passed = messages.received(session, event, from, askedBy)
          if (passed !== undefined && context !== undefined) tellProgress(context, passed)
          if (passed === undefined || ahead.offer(passed.data, passed.supersedes)) return undefined
          return ahead.message(passed.data, passed.supersedes)
        }
      })
  }

  const attempt: PassThrough["attempt"] = (context, ahead, options = {}) => {
    const { batched, call, relayId, request, session, trace } = context
    const { headers, id, text } = options.sent ?? { ...request, headers: context.headers }
    if (trace !== undefined) trace.sentAt = clock.monotonicTimeNanosUnsafe()
    const send = sender(session, request.method, ahead, options, context)
    const asked = send({
      text,
      bytes: options.sent === undefined ? request.bytes : undefined,
      id,
      as: options.sent === undefined ? relayId : undefined,
      headers
    })
    const recordSent = <A, E, R>(sending: Effect.Effect<A, E, R>) =>
      call === undefined ? sending : Effect.suspend(() => {
        call.sent()
        return sending
      })
    const listens = session.modern ? ahead.listens : undefined
    const first = listens === undefined ? recordSent(asked) : Effect.andThen(listens, recordSent(asked))
    const complete = (final: FinalAnswer) =>
      final.needsInput === undefined ? Effect.succeed(final) : rounds.complete({
        session,
        requestId: request.id,
        survives: options.sent === undefined && !batched,
        sent: text,
        headers,
        ahead,
        call,
        again: (text, as) => recordSent(send({ text, id, as, headers }))
      }, final.needsInput)
    const answer = session.modern ? first : Effect.flatMap(first, complete)
    return trace === undefined ? answer : Effect.map(answer, (answer) => {
      trace.relayAt = clock.monotonicTimeNanosUnsafe()
      return answer
    })
  }

  const again: PassThrough["again"] = ({ ahead, headers, requestId, sent, session }) => {
    const send = sender(session, String(JSON.parse(JsonText.at(sent, ["method"]) ?? "null")), ahead)
    return (text, as) => send({ text, id: requestId, as, headers })
  }

  const ask: PassThrough["ask"] = (context, ahead, options = {}) => {
    // Each attempt is asked for itself: what the relay asks again is the same question.
    const once = Effect.andThen(link.awaitUp, Effect.suspend(() => attempt(context, ahead, options)))
    const onlyReads = options.onlyReads ?? factsOf(context.request.method).onlyReads
    return Effect.map(onlyReads ? Effect.mapError(onceMore(once), thatOnlyReads) : once, answered)
  }

  const self: PassThrough = { attempt, ask, again }
  return self
})

const resumableOf = ({ resumable }: Ahead, context: RequestContext | undefined) => {
  const ofCall = context?.call?.resumable
  if (resumable === undefined || ofCall === undefined) return resumable ?? ofCall
  return (point: ResumePoint) => {
    resumable(point)
    ofCall(point)
  }
}

/** Nanoseconds. */
const minBetweenProgress = 100_000_000n

const numberAt = (notification: string, name: "progress" | "total") => {
  const value = Number(JsonText.at(notification, ["params", name]))
  return Number.isFinite(value) ? { [name]: value } : {}
}

const thatOnlyReads = (failure: RelayFailure): RelayFailure => new RelayFailure({ ...failure, onlyReads: true })

const onceMore = <R>(once: Effect.Effect<FinalAnswer, RelayFailure, R>) =>
  Effect.catchIf(
    once,
    (failure) => failure.downClass && failure.reason._tag !== "LinkDown",
    (first) => Effect.mapError(once, (second) => worse(first, second))
  )

/** Of two attempts at one request: that the second was not sent says nothing of the first. */
const worse = (first: RelayFailure, second: RelayFailure): RelayFailure =>
  second.downClass && second.delivery === "not sent" ? first : second
