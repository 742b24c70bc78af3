/**
 * One request of an agent is one fiber in its session's scope: the method's handler returns the answer, the responder
 * delivers it, and how it ended is reported. Every request is answered: a failure of the relay and a defect of ours are
 * JSON-RPC errors in HTTP 200, since clients count HTTP failures against the server (BEHAVIOUR 1).
 */
import { Cause, Effect, Exit, Fiber, Option, type Scope } from "effect"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import type { Request } from "../../domain/Message.ts"
import { factsOf, isList } from "../../domain/Methods.ts"
import { Happenings } from "../../observability/Happenings.ts"
import { relayError, unknownOutcome } from "../../relay/link/FailureText.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayFailure } from "../../relay/RelayFailure.ts"
import * as Besides from "../handlers/Besides.ts"
import type { Ahead, Answer, Outcome, RequestContext, RpcError } from "../handlers/Handler.ts"
import type { Handlers } from "../handlers/Handlers.ts"
import { listChanged, ListChanges, notificationText } from "../menu/ListChanges.ts"
import * as RequestLog from "./RequestLog.ts"
import { collected } from "./Responder.ts"
import { tokenRemedies } from "./tokenRemedies.ts"
import { Turns } from "./Turns.ts"

/** What goes ahead of an answer has no place in a batch. */
const nothingAhead: Ahead = {
  offer: () => true,
  message: () => Effect.void,
  position: () => ({ stream: "", sequence: 0 }),
  relayStreams: () => {},
  relayPolls: () => {}
}

export interface Deliverer extends Ahead {
  readonly deliver: (answer: Answer) => Effect.Effect<void>
  readonly abandon: () => void
}

export const make = Effect.fnUntraced(function*(handlers: Handlers) {
  const link = yield* RelayLink
  const changes = yield* ListChanges
  const besides = yield* Besides.make
  const remedies = yield* tokenRemedies
  const requestLog = yield* RequestLog.make
  const span = yield* RequestLog.span
  const happenings = yield* Happenings
  const turns = new Turns()

  /** The failure in words that the agent's model understands. */
  const failureOf = Effect.fnUntraced(function*(
    { request, session }: RequestContext,
    cause: Cause.Cause<RelayFailure | RpcError>
  ) {
    const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
    if (failure instanceof RelayFailure) {
      const { reason } = failure
      // A relay's own words keep their status.
      if (reason._tag === "RateLimited" && reason.answer !== undefined && failure.opening !== true) {
        const { headers, status, text } = reason.answer
        return { outcome: "error", status, headers, body: { _tag: "Whole", text } } satisfies Answer
      }
      const remedy = reason._tag === "Unauthorized" ? yield* remedies(session.agent) : undefined
      return errorAnswer(request, relayError(failure, yield* link.state, remedy))
    }
    if (failure !== undefined) {
      const { code, data, message, status } = failure
      return errorAnswer(request, data === undefined ? { code, message } : { code, message, data }, status)
    }
    yield* Effect.logError("a request failed in Holdfast itself", cause).pipe(
      Effect.annotateLogs({ method: request.method })
    )
    return errorAnswer(request, {
      code: JsonRpcError.codes.internal,
      message: `Holdfast failed on this request; its log says why. ${unknownOutcome(factsOf(request.method).onlyReads)}`
    })
  })

  /** The answer as it leaves: in the form of the agent's era, with what the agent is to be told beside it. */
  const completed = Effect.fnUntraced(function*({ request, session }: RequestContext, answer: Answer, news: boolean) {
    if (answer.body._tag === "Chunks") return answer
    const name = answer.outcome === "queued" ? besides.nameInAcknowledgement : besides.nameIn
    const named = news ? yield* name(session.agent, answer.body.text) : answer.body.text
    const isOurs = answer.own === true || answer.fromOutbox === true
    const text = isOurs && session.modern ? EraForm.modernResponse(named, request.method) : named
    return { ...answer, body: { _tag: "Whole" as const, text }, encoded: undefined }
  })

  const answerOf = Effect.fnUntraced(function*(context: RequestContext, ahead: Ahead) {
    const exit = yield* Effect.exit(handlers.handlerFor(context)(context, ahead))
    const answer = Exit.isSuccess(exit) ? exit.value : yield* failureOf(context, exit.cause)
    if (context.trace !== undefined && happenings.withContent && answer.body._tag === "Whole") {
      context.trace.content = answer.body.text
    }
    const { request, session } = context
    const mayTell = answer.outcome === "answered" || answer.outcome === "queued"
    const news = mayTell && request.method === "tools/call" && besides.has(session.agent)
    return news || answer.own === true || answer.fromOutbox === true ? yield* completed(context, answer, news) : answer
  })

  /** The answer to a call that others wait for too, or whose agent is gone, is read to its end before it leaves. */
  const shared = Effect.fnUntraced(function*({ call, request }: RequestContext, answer: Answer) {
    const { body } = answer
    const whole: Answer = body._tag === "Chunks" && call?.needsWhole === true
      ? { ...answer, body: { _tag: "Whole", text: yield* collected(request.id, body.chunks) } }
      : answer
    call?.answered(whole)
    return whole
  })

  const respond = Effect.fnUntraced(function*(context: RequestContext, deliverer: Deliverer) {
    const { request, session } = context
    if (!asksForMenu.has(request.method) && session.view.takeDue()) {
      yield* deliverer.message(listChanged)
    }
    if (!isList(request.method)) {
      for (const notification of session.view.takeDueBesides()) yield* deliverer.message(notificationText(notification))
    }
    changes.requested(session)
    const answer = yield* answerOf(context, deliverer)
    yield* deliverer.deliver(context.call === undefined ? answer : yield* shared(context, answer))
    return answer.outcome
  })

  /** Until it has ended and was reported; `interrupted` is told first, where it did not come to its answer. */
  const answering = (
    context: RequestContext,
    answer: Effect.Effect<Outcome, never, Scope.Scope>,
    interrupted: Effect.Effect<void>
  ): Effect.Effect<Outcome> => {
    const { call, request, session } = context
    const startedAt = requestLog.now()
    requestLog.started(context)
    const scoped = Effect.scoped(answer)
    // A stream that stays holds nobody up, and a call that is under way has its turn.
    const hasTurn = request.method === "subscriptions/listen" || handlers.continues(context)
    const inTurn = hasTurn ? scoped : turns.take(session.agent, scoped)
    return span(context)(Effect.onExitPrimitive(inTurn, (exit) => {
      if (Exit.isSuccess(exit)) {
        call?.ended(false)
        return requestLog.ended(context, exit.value, startedAt)
      }
      const told = Exit.hasInterrupts(exit) ? interrupted : Effect.void
      const ended = Effect.sync(() => call?.ended(true))
      return told.pipe(
        Effect.andThen(ended),
        Effect.andThen(requestLog.ended(context, "cancelled", startedAt) ?? Effect.void)
      )
    }))
  }

  return {
    /** Runs in the session's scope; cancelled, it ends without an answer, stopped with one that says so. */
    start: (context: RequestContext, deliverer: Deliverer) => {
      const interrupted = Effect.suspend(() => {
        if (!context.session.isStopping) return Effect.sync(() => deliverer.abandon())
        // Its agent comes again for what is left of its stream, and answers the next life of Holdfast.
        if (handlers.rounds.survives(context.session, context.request.id)) return Effect.void
        const answer = completed(context, errorAnswer(context.request, stopped(context.request)), false)
        return Effect.flatMap(answer, (answer) => deliverer.deliver(answer))
      })
      return run(context, answering(context, respond(context, deliverer), interrupted))
    },

    /** Starts one part of a batch; gives the text of its answer. */
    inBatch: (context: RequestContext): Effect.Effect<string> => {
      let text = JsonRpcError.text(context.request.id, {
        code: JsonRpcError.codes.internal,
        message: "this answer does not fit into a batch; send the request by itself"
      })
      const answer = Effect.map(answerOf(context, nothingAhead), ({ body, outcome }) => {
        if (body._tag === "Whole") text = body.text
        return outcome
      })
      const interrupted = Effect.sync(() => {
        if (context.session.isStopping) text = JsonRpcError.text(context.request.id, stopped(context.request))
      })
      const fiber = run(context, answering(context, answer, interrupted))
      return Effect.map(Fiber.await(fiber), () => text)
    }
  }
})

/** Whose client is about to know the present list: it need not be told that there is another. */
const asksForMenu: ReadonlySet<string> = new Set(["tools/list", "server/discover", "subscriptions/listen"])

/** Not `codes.stopping`, which says that nothing was begun. */
const stopped = ({ method }: Request): JsonRpcError.JsonRpcError => ({
  code: JsonRpcError.codes.relay,
  message: `Holdfast was stopped while this request was under way. ${unknownOutcome(factsOf(method).onlyReads)}`,
  data: { delivery: "unknown" }
})

/** A stream that is to stay is nothing that a stop would wait for. */
const run = (
  { name, relayId, request, session }: RequestContext,
  answering: Effect.Effect<unknown>
): Fiber.Fiber<unknown> =>
  request.method === "subscriptions/listen"
    ? session.inBackground(answering)
    : session.runRequest(relayId ?? name, answering)

const errorAnswer = ({ id }: Request, error: JsonRpcError.JsonRpcError, status = 200): Answer => ({
  outcome: "error",
  status,
  headers: {},
  body: { _tag: "Whole", text: JsonRpcError.text(id, error) },
  own: true
})
