/**
 * Input that a relay of the modern era requires of an agent with a session: its questions are put to the agent as
 * requests, and the relay's request is sent again with the answers (MCP 2026-07-28, multi-round-trip requests).
 *
 * Between the rounds nothing is under way at the relay. What was asked and answered is on disk before the agent is told,
 * so that over a restart of Holdfast nobody is asked twice, and an answer that was taken is not lost. Once the answers are
 * on their way to the relay the disk knows nothing of them: what becomes of a request that is cut off then is unknown.
 */
import { Deferred, Duration, Effect, Exit, Option, Predicate, type Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { callTimeouts } from "../../config/CallTimeouts.ts"
import { Settings } from "../../config/Settings.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Questions from "../../domain/Questions.ts"
import { relayError } from "../../relay/link/FailureText.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { FinalAnswer } from "../../relay/RelayClient.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { type InputRound, type Question, RoundStore } from "../sessions/RoundStore.ts"
import type { EventLog } from "../streams/EventLog.ts"
import { EventLogs } from "../streams/EventLogs.ts"
import type { Ahead } from "./Handler.ts"
import type { LiveCall } from "./LiveCall.ts"

/** A request whose agent is asked. */
export interface Asking {
  readonly session: AgentSession
  readonly requestId: string
  /** Whether it goes on after a restart of Holdfast; what the outbox has is the outbox's to go on with. */
  readonly survives: boolean
  /** As it went to the relay first, and its headers. */
  readonly sent: string
  readonly headers: Readonly<Record<string, string>>
  readonly ahead: Ahead
  /** Of a call of a tool: it is not under way while its agent is asked. */
  readonly call?: LiveCall | undefined
  /** Sends another text in its place, under an id of its own at the relay. */
  readonly again: (text: string, as: string) => Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope>
}

/** Sends a request that was asked about in an earlier life of Holdfast. */
export type Send = (asking: Omit<Asking, "again">) => Asking["again"]

export interface InputRounds {
  /** The relay's last word to a request that first required input. */
  readonly complete: (asking: Asking, needs: string) => Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope>
  /** The agent's answer, on disk when this returns; `false` where it answers nothing of ours. */
  readonly answered: (session: AgentSession, id: string, response: string) => Effect.Effect<boolean>
  /** The stream on which a request goes on that waited for answers when Holdfast ended; `sequence` of `stream` was read. */
  readonly resumed: (
    session: AgentSession,
    requestId: string,
    stream: string,
    sequence: number
  ) => Effect.Effect<EventLog | undefined>
  /** Whether it waits for its agent's answers on disk, so that it goes on after a restart. */
  readonly survives: (session: AgentSession, requestId: string) => boolean
}

/** Rounds of one request, and questions of one round. */
const maxRounds = 100
const maxQuestions = 100
/** Characters of what one round asks, which is on disk until it is answered, and is written anew with each answer. */
const maxAsked = 1024 * 1024

interface Waiting {
  round: InputRound
  readonly survives: boolean
  readonly complete: Deferred.Deferred<void>
}

interface Restored {
  readonly log: EventLog
  readonly waiting: Waiting
}

export const make = Effect.fnUntraced(function*(send: Send) {
  const { live: callTimeout } = callTimeouts(yield* Settings)
  const store = yield* RoundStore
  const link = yield* RelayLink
  const logs = yield* EventLogs
  /** By the id of each question that is open. */
  const open = new Map<string, Waiting>()
  /** By request id; also once it has ended, since its answer may be there before its agent comes for it. */
  const restored = new WeakMap<AgentSession, Map<string, Restored>>()
  const looked = new WeakMap<AgentSession, Deferred.Deferred<void>>()

  /** Requests that the disk knows. */
  const kept = new Set<string>()
  const save = ({ round, survives }: Waiting) =>
    Effect.suspend(() => {
      if (!survives) return Effect.void
      kept.add(nameOf(round.session, round.request_id))
      return store.save(round)
    })
  const remove = ({ round }: Waiting) =>
    Effect.suspend(() => kept.delete(nameOf(round.session, round.request_id)) ? store.remove(round) : Effect.void)

  const isUp = Effect.timeoutOption(
    Stream.runHead(Stream.filter(link.changes, (state) => state._tag === "Up")),
    callTimeout
  )

  /** Until all is answered. Who goes on after a stop finds it on disk. */
  const answersTo = (session: AgentSession, waiting: Waiting) =>
    Effect.timeoutOption(Deferred.await(waiting.complete), callTimeout).pipe(
      Effect.onExit((exit) => {
        for (const { id } of waiting.round.questions) open.delete(id)
        const goesOn = Exit.isSuccess(exit) ? Option.isSome(exit.value) : session.isStopping
        return goesOn ? Effect.void : remove(waiting)
      })
    )

  const begin = (round: InputRound, survives: boolean): Waiting => {
    const waiting = { round, survives, complete: Deferred.makeUnsafe<void>() }
    for (const { answer, id } of round.questions) if (answer === null) open.set(id, waiting)
    if (round.questions.every(({ answer }) => answer !== null)) Deferred.doneUnsafe(waiting.complete, Effect.void)
    return waiting
  }

  const put = Effect.fnUntraced(
    function*({ ahead, call, headers, requestId, sent, session, survives }: Asking, needs: string) {
      if (needs.length > maxAsked) return `answers to more than ${maxAsked} characters of questions`
      // Of very many values it was not parsed yet.
      if (!JsonText.isJson(needs)) return "input in a way that is no JSON"
      const asked = Questions.requiredBy(needs)
      const able = JsonText.at(session.initialize, ["params", "capabilities"]) ?? "{}"
      const foreign = asked.find(({ method }) => !Questions.isAskable(method, able))
      if (foreign !== undefined) return `${foreign.method}, which this client does not say that it can be asked`
      const state = JsonText.at(needs, ["requestState"]) ?? null
      if (asked.length === 0 && state === null) return "input, and did not say which"
      if (asked.length > maxQuestions) return `${asked.length} answers at once`
      const { sequence, stream } = ahead.position()
      const questions = asked.map(({ key, text }, index): Question => ({
        key,
        id: JSON.stringify(`holdfast-question-${randomUUID()}`),
        text,
        stream,
        sequence: sequence + index + 1,
        seen: false,
        answer: null
      }))
      const waiting = begin({ session: session.id, request_id: requestId, sent, headers, state, questions }, survives)
      yield* questions.length === 0 ? Effect.sleep("1 second") : save(waiting)
      if (survives && questions.length > 0) call?.waitsForAnswers()
      for (const { id, text } of questions) yield* ahead.message(Questions.asRequest(text, id))
      return waiting
    }
  )

  /** Nothing is under way meanwhile: the person's answers wait for a relay that is away as long as a call may take. */
  const sendAnswers = Effect.fnUntraced(function*(
    { again, call, sent, survives }: Asking,
    waiting: Waiting
  ): Effect.fn.Return<FinalAnswer, RelayFailure, Scope.Scope> {
    const { round } = waiting
    const responses: Array<string> = []
    for (const { answer, key, text } of round.questions) {
      const response = Questions.asInputResponse(Questions.methodOf(text), answer ?? "{}")
      if (response === undefined) {
        yield* remove(waiting)
        return refusal(sent, clientsError(Questions.methodOf(text), answer ?? "{}"))
      }
      responses.push(`${JSON.stringify(key)}:${response}`)
    }
    const changes = [
      ...(responses.length === 0 ? [] : [[["params", "inputResponses"], `{${responses.join(",")}}`] as const]),
      ...(round.state === null ? [] : [[["params", "requestState"], round.state] as const])
    ]
    const text = changes.reduce((text, [path, value]) => JsonText.set(text, path, value), sent)
    const attempt: Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope> = Effect.andThen(
      Effect.andThen(isUp, remove(waiting)),
      Effect.suspend(() => again(text, JSON.stringify(`holdfast-round-${randomUUID()}`)))
    )
    const keepRound = Effect.andThen(save(waiting), Effect.sync(() => survives && call?.waitsForAnswers()))
    const keep = (failure: RelayFailure) => wasNotSent(failure) ? keepRound : Effect.void
    return yield* Effect.tapError(attempt, keep).pipe(Effect.retry({ while: wasNotSent, times: 5 }))
  })

  /** From the first round that is open to the relay's last word. */
  const finish = Effect.fnUntraced(function*(
    asking: Asking,
    first: Waiting
  ): Effect.fn.Return<FinalAnswer, RelayFailure, Scope.Scope> {
    let waiting: Waiting | string = first
    for (let round = 0; round < maxRounds && !Predicate.isString(waiting); round++) {
      if (Option.isNone(yield* answersTo(asking.session, waiting))) {
        return refusal(asking.sent, `answers, and got none in ${Duration.format(callTimeout)}`)
      }
      const final: FinalAnswer = yield* sendAnswers(asking, waiting)
      if (final.needsInput === undefined) return final
      waiting = yield* put(asking, final.needsInput)
    }
    return refusal(asking.sent, Predicate.isString(waiting) ? waiting : `answers more than ${maxRounds} times`)
  })

  /** What was open in an earlier life goes on, each on a stream of its own that its agent will come for. */
  const restoreAll = Effect.fnUntraced(function*(session: AgentSession) {
    const all = new Map<string, Restored>()
    restored.set(session, all)
    for (const round of yield* store.ofSession(session.id)) {
      const log = logs.make({ session: session.id, requestId: round.request_id })
      const ahead: Ahead = {
        offer: (data, supersedes) => {
          log.append(data, supersedes)
          return true
        },
        message: (data, supersedes) => Effect.sync(() => log.append(data, supersedes)),
        position: () => ({ stream: log.id, sequence: log.last }),
        relayStreams: () => {},
        relayPolls: () => {}
      }
      const { headers, request_id: requestId, sent } = round
      const goesOn = { session, requestId, survives: true, sent, headers, ahead }
      const asking: Asking = { ...goesOn, again: send(goesOn) }
      const waiting = begin(round, true)
      kept.add(nameOf(session.id, requestId))
      all.set(requestId, { log, waiting })
      const going = Effect.scoped(finish(asking, waiting)).pipe(
        Effect.map(({ body }) => body._tag === "Whole" ? body.text : ""),
        Effect.catch((failure) =>
          Effect.map(link.state, (state) => JsonRpcError.text(requestId, relayError(failure, state)))
        ),
        Effect.tap((text) =>
          Effect.sync(() => {
            log.append(text)
            log.end()
          })
        )
      )
      session.runRequest(requestId, going)
    }
  })

  /** Once for each session; who comes meanwhile waits for it. */
  const restore = (session: AgentSession): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (session.modern) return Effect.void
      const known = looked.get(session)
      if (known !== undefined) return Deferred.await(known)
      const done = Deferred.makeUnsafe<void>()
      looked.set(session, done)
      return Effect.uninterruptible(Effect.ensuring(restoreAll(session), Deferred.succeed(done, undefined)))
    })

  const self: InputRounds = {
    complete: Effect.fnUntraced(function*(asking: Asking, needs: string) {
      // What is on disk now is of an earlier life; later this round would be among it.
      if (asking.survives) yield* restore(asking.session)
      const waiting = yield* put(asking, needs)
      return Predicate.isString(waiting) ? refusal(asking.sent, waiting) : yield* finish(asking, waiting)
    }),

    answered: Effect.fnUntraced(function*(session, id, response) {
      if (!open.has(id)) yield* restore(session)
      const waiting = open.get(id)
      if (waiting?.round.session !== session.id) return false
      open.delete(id)
      const { round } = waiting
      const questions = round.questions.map((question) =>
        question.id === id ? { ...question, answer: response } : question
      )
      waiting.round = { ...round, questions }
      yield* save(waiting)
      if (questions.every(({ answer }) => answer !== null)) yield* Deferred.succeed(waiting.complete, undefined)
      return true
    }),

    resumed: Effect.fnUntraced(function*(session, requestId, stream, sequence) {
      yield* restore(session)
      const known = restored.get(session)?.get(requestId)
      if (known === undefined || logs.find(session.id, known.log.id) === undefined) return undefined
      const { log, waiting } = known
      // All is answered: what comes of it is on the stream, and the disk must not ask again.
      if (!waiting.round.questions.some(({ id }) => open.get(id) === waiting)) return log
      const unseen: Array<string> = []
      const questions = waiting.round.questions.map((question): Question => {
        if (question.answer !== null || question.seen) return question
        if (question.stream === stream && question.sequence <= sequence) return { ...question, seen: true }
        unseen.push(Questions.asRequest(question.text, question.id))
        return { ...question, stream: log.id, sequence: log.last + unseen.length }
      })
      waiting.round = { ...waiting.round, questions }
      yield* save(waiting)
      for (const question of unseen) log.append(question)
      return log
    }),

    survives: (session, requestId) => kept.has(nameOf(session.id, requestId))
  }
  return self
})

const nameOf = (session: string, requestId: string): string => `${session} ${requestId}`

const wasNotSent = (failure: RelayFailure): boolean => failure.downClass && failure.delivery === "not sent"

/** No form of the modern era says that a client failed; forms and links count as cancelled. */
const clientsError = (method: string, response: string): string =>
  `${method}, to which this client answered with an error: ${JsonText.at(response, ["error", "message"]) ?? "none"}`

const refusal = (sent: string, asksFor: string): FinalAnswer => ({
  status: 200,
  headers: {},
  body: {
    _tag: "Whole",
    text: JsonRpcError.text(JsonText.at(sent, ["id"]) ?? null, {
      code: JsonRpcError.codes.era,
      message: `The relay asked for ${asksFor}; so the request was not completed.`
    })
  }
})
