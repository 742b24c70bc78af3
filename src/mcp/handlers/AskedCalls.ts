/**
 * Questions of a relay with sessions to agents without: the request that they belong to is answered with
 * `input_required`, and goes on with the agent's next round (MCP 2026-07-28, multi-round-trip requests).
 *
 * The agent brings its request with each round, and all its answers in `requestState`. Where Holdfast ended meanwhile and the
 * relay's stream has event ids, the relay is told the answers all the same and its stream is read on. Where that cannot be,
 * or the relay ended, a request that may be repeated is sent again, and what the relay asks again is answered without
 * asking the agent. Of any other nobody knows what became of it, and the agent is told that.
 */
import { Duration, Effect, Exit, type Fiber, Option, Predicate, Scope, Stream } from "effect"
import { callTimeouts } from "../../config/CallTimeouts.ts"
import { Settings } from "../../config/Settings.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import { factsOf } from "../../domain/Methods.ts"
import * as Questions from "../../domain/Questions.ts"
import { CachedLists } from "../../menu/CachedLists.ts"
import { unknownOutcome } from "../../relay/link/FailureText.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { OpenRelaySession } from "../../relay/session/RelaySession.ts"
import { type Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import { SessionMenu } from "../menu/SessionMenu.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { AskedCallStore, type StoredCall } from "../sessions/AskedCallStore.ts"
import { AskedCall, type Reply, responseTo, type RunningCalls } from "./AskedCall.ts"
import { anew, callNamedIn, inputRequired, type Round, roundOf, withoutRound } from "./AskedRound.ts"
import { type Ahead, type Answer, type AskedBy, type Handler, type RequestContext, RpcError } from "./Handler.ts"
import type { RelayMessages } from "./RelayMessages.ts"
import type { SessionStream } from "./SessionStream.ts"
import { maxLength, WaitingCalls } from "./WaitingCalls.ts"

/** Calls of one session that wait for their agent. */
const maxCalls = 200
/** So long an answer waits for an agent that was asked meanwhile, milliseconds. */
const keptFor = Duration.toMillis("10 minutes")

interface Running {
  readonly call: AskedCall
  readonly fiber: Fiber.Fiber<unknown>
  readonly scope: Scope.Closeable
  /** Its agent has what came of it. */
  readonly forget: () => void
}

export interface AskedCalls {
  /** The handler, with the rounds that its requests take. */
  readonly inRounds: (handler: Handler) => Handler
  /** Whether the request goes on with what is under way, and so begins nothing. */
  readonly continues: (context: Pick<RequestContext, "session" | "request">) => boolean
}

export const make = Effect.fnUntraced(function*(streams: SessionStream, calls: RunningCalls, messages: RelayMessages) {
  const { live: callTimeout } = callTimeouts(yield* Settings)
  const client = yield* RelayClient
  const link = yield* RelayLink
  const deadlines = yield* Deadlines
  const cached = yield* CachedLists
  const menu = yield* SessionMenu
  const store = yield* AskedCallStore
  const running = new Map<string, Running>()
  const waiting = new WaitingCalls()
  const isUp = Effect.timeoutOption(
    Stream.runHead(Stream.filter(link.changes, (state) => state._tag === "Up")),
    callTimeout
  )

  const reply = (session: AgentSession): Reply => (text, to) => {
    // An answer to a relay session that is gone goes nowhere.
    if (session.relay.openNow()?.generation !== to.generation) return
    session.inBackground(Effect.ignore(client.notify(session.relay, text)))
  }

  /** Sent once more it does no harm (BEHAVIOUR 5). */
  const mayRepeat = Effect.fnUntraced(function*({ request, session }: RequestContext) {
    if (factsOf(request.method).onlyReads) return true
    const tool = request.params["name"]
    if (!Predicate.isString(tool)) return false
    const spec = yield* cached.tool(yield* menu.key(session), tool)
    return Option.exists(spec, (spec) => spec.readOnlyHint || spec.idempotentHint || spec.declaresKey)
  })

  /** In the relay session in which it asked, whichever is open now. */
  const replyAt = (session: AgentSession, point: ResumePoint): Reply => (text) =>
    void session.inBackground(Effect.ignore(client.respond(session.agent, point, text)))

  /** Before the agent is asked, where that can be. */
  const keep = (session: AgentSession, call: AskedCall): Effect.Effect<void> => {
    const { kept } = call
    if (kept === undefined) return Effect.void
    call.isKept = true
    session.relay.leaveOpen(true)
    return store.save({ ...kept, session: session.id })
  }

  const unkept = (session: AgentSession, call: AskedCall): Effect.Effect<void> => {
    if (!call.isKept) return Effect.void
    session.relay.leaveOpen(calls.hasKept(session))
    return store.remove(call.id)
  }

  const begin = Effect.fnUntraced(function*(
    run: (context: RequestContext, call: AskedCall) => ReturnType<Handler>,
    context: RequestContext,
    given: Round["given"],
    before?: StoredCall
  ) {
    const { session } = context
    const place = calls.countOf(session) < maxCalls
      ? waiting.enter(session.agent, context.request.text.length)
      : undefined
    if (place === undefined) return yield* tooMany
    const call: AskedCall = new AskedCall(
      capabilitiesOf(session),
      given,
      before === undefined ? reply(session) : replyAt(session, before.point),
      streams.listen(session),
      () => session.inBackground(keep(session, call)),
      before && { call: before, from: sessionOf(session, before.point) }
    )
    // What the answer holds at the relay is let go of when it has left, which is with another request's.
    const scope = yield* Scope.make()
    let waitsForAgent: Deadline | undefined
    const forget = () => {
      waitsForAgent?.cancel()
      place.leave()
      running.delete(call.id)
      calls.remove(session, call)
    }
    const drop = () => {
      forget()
      // It goes on in the next life.
      if (!session.isStopping) session.inBackground(unkept(session, call))
      session.inBackground(Scope.close(scope, Exit.void))
    }
    const ended = (exit: Exit.Exit<Answer, RelayFailure | RpcError>) =>
      Effect.sync(() => {
        const hasRoom = call.isWaitedFor || place.holds(lengthOf(exit))
        if (Exit.hasInterrupts(exit) || !hasRoom) drop()
        else waitsForAgent = deadlines.after(keptFor, drop)
        call.end(exit)
        streams.stopListening(session, () => !calls.isRunning(session))
      })
    calls.add(session, call)
    const work = Scope.provide(run(context, call), scope)
    const fiber = session.inBackground(Effect.exit(Effect.onExit(work, ended)))
    const begun: Running = { call, fiber, scope, forget }
    running.set(call.id, begun)
    return begun
  })

  /** One round of the agent: what the relay asks, or the answer. */
  const attend = (
    { call, fiber, forget, scope }: Running,
    handler: Handler,
    context: RequestContext,
    ahead: Ahead,
    mayBeginAgain: boolean
  ): ReturnType<Handler> =>
    Effect.gen(function*() {
      const { request } = context
      const next = yield* Effect.onInterrupt(call.round(ahead, progressTokenOf(request)), () =>
        Effect.sync(() => {
          // The agent closed its response, and so cancels the call.
          if (!call.isWaitedFor) fiber.interruptUnsafe()
        }))
      if (next._tag === "Asks") {
        yield* keep(context.session, call)
        return inputRequired(request, next.questions, call.id, call.given)
      }
      forget()
      yield* unkept(context.session, call)
      yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
      const { ended } = next
      if (Exit.isSuccess(ended)) return linksOf(context, ended.value) ?? addressed(request, ended.value)
      const failure = Option.getOrUndefined(Exit.findErrorOption(ended))
      const wasCutOff = failure instanceof RelayFailure && failure.downClass && call.wasAsked
      if (!wasCutOff || !mayBeginAgain || !(yield* mayRepeat(context))) return yield* ended
      yield* isUp
      return yield* attend(yield* begin(handler, context, call.given), handler, context, ahead, false)
    })

  /** A call of the life before. */
  const beginAgain = (before: StoredCall, { answers, given }: Round, context: RequestContext) => {
    const answered = before.questions.flatMap(({ id, key }) => {
      const answer = answers.get(key)
      return answer === undefined ? [] : [{ id, key, answer }]
    })
    const responses = answered.map(({ answer, id }) => responseTo(id, answer))
    const all = new Map([...given, ...answered.map(({ answer, key }) => [key, answer] as const)])
    const questions = before.questions.filter(({ key }) => !answers.has(key))
    return begin(readOn(before, responses), context, all, { ...before, questions })
  }

  const goOn = Effect.fnUntraced(function*(
    round: Round,
    handler: Handler,
    context: RequestContext,
    ahead: Ahead
  ) {
    const isHere = (known: Running | undefined) => known !== undefined && calls.has(context.session, known.call)
    const before = round.call === anew || isHere(running.get(round.call))
      ? Option.none()
      : yield* store.find(context.session.id, round.call)
    if (Option.isSome(before)) yield* isUp
    // The same round may have come twice.
    const known = running.get(round.call)
    if (known !== undefined && isHere(known)) {
      known.call.answered(round.answers)
      return yield* attend(known, handler, context, ahead, true)
    }
    if (Option.isSome(before)) {
      return yield* attend(yield* beginAgain(before.value, round, context), handler, context, ahead, true)
    }
    if (round.call !== anew && !(yield* mayRepeat(context))) return yield* lost
    yield* isUp
    const given = new Map([...round.given, ...round.answers])
    return yield* attend(yield* begin(handler, context, given), handler, context, ahead, true)
  })

  /** Tells the relay the answers, once what it asks next can be heard; then what it says behind that place, and its answer. */
  const readOn =
    ({ point }: StoredCall, responses: ReadonlyArray<string>) =>
    ({ request, session }: RequestContext, call: AskedCall) => {
      const from = sessionOf(session, point)
      const asked = call.asking()
      const respond = replyAt(session, point)
      const askedBy: AskedBy = (question) => {
        if (!asked(question, from)) respond(Questions.unanswerable(question), from)
        return true
      }
      return client.resume(session.agent, point, {
        onOpen: () => {
          for (const response of responses) respond(response, from)
        },
        onResumable: call.resumable,
        onMessage: (message) => {
          const passed = messages.received(session, { data: message.text, message }, from, askedBy)
          if (passed !== undefined) call.offer(passed.data, passed.supersedes)
        }
      }).pipe(
        Effect.mapError(({ message }) =>
          new RelayFailure({ reason: new AnswerCutOff({ detail: `it could not be read on: ${message}` }) })
        ),
        Effect.map((text): Answer => ({
          outcome: "answered",
          status: 200,
          headers: {},
          body: { _tag: "Whole", text: JsonText.set(text, ["id"], request.id) },
          own: true
        }))
      )
    }

  const self: AskedCalls = {
    inRounds: (handler) => (context, ahead) => {
      const { request, session } = context
      if (!session.modern) return handler(context, ahead)
      const round = roundOf(request)
      const whole = round === undefined ? request : withoutRound(request)
      if (round !== undefined) return goOn(round, handler, { ...context, request: whole }, ahead)
      const open = session.relay.openNow()
      if (open?.modern !== undefined || !session.canBeAsked) return handler(context, ahead)
      return Effect.flatMap(
        begin(handler, context, new Map()),
        (begun) => attend(begun, handler, context, ahead, true)
      )
    },
    continues: ({ request, session }) => {
      const known = session.modern ? running.get(callNamedIn(request) ?? "") : undefined
      return known !== undefined && calls.has(session, known.call)
    }
  }
  return self
})

const lengthOf = (exit: Exit.Exit<Answer, unknown>): number =>
  Exit.isSuccess(exit) && exit.value.body._tag === "Whole" ? exit.value.body.text.length : 0

const tooMany = new RpcError({
  code: JsonRpcError.codes.invalidRequest,
  message: `${maxCalls} calls wait for this agent's answers already, or ${maxLength} characters of them: answer one of `
    + "those first",
  data: { delivery: "not sent" }
})

const lost = new RpcError({
  code: JsonRpcError.codes.relay,
  message:
    "The relay cannot be told these answers any more: Holdfast was restarted while the request waited for them, or "
    + `the request was taken back, or it had ended more than ${Duration.format(Duration.millis(keptFor))} ago. `
    + unknownOutcome(false),
  data: { delivery: "unknown" }
})

/** The relay session of that place, which is not the one that is open now. */
const sessionOf = ({ agent }: AgentSession, { protocolVersion, session }: ResumePoint): OpenRelaySession => ({
  agent,
  id: Option.fromUndefinedOr(session),
  protocolVersion,
  result: "{}",
  generation: 0
})

const capabilitiesOf = (session: AgentSession): string =>
  JsonText.at(session.initialize, ["params", "capabilities"]) ?? "{}"

const progressTokenOf = ({ text }: Message.Request) => JsonText.at(text, ["params", "_meta", "progressToken"])

const addressed = ({ id }: Message.Request, answer: Answer): Answer =>
  answer.body._tag === "Whole"
    ? { ...answer, body: { ...answer.body, text: JsonText.set(answer.body.text, ["id"], id) }, encoded: undefined }
    : answer

const urlRequired = "-32042"

/** A relay's refusal until links were opened (MCP 2025-11-25, elicitation) is what the modern era asks for as input. */
const linksOf = ({ request, session }: RequestContext, { body }: Answer): Answer | undefined => {
  if (body._tag !== "Whole" || !body.text.includes(urlRequired)) return undefined
  if (JsonText.at(body.text, ["error", "code"]) !== urlRequired) return undefined
  if (JsonText.at(capabilitiesOf(session), ["elicitation", "url"]) === undefined) return undefined
  const links = JsonText.elements(body.text, ["error", "data", "elicitations"]).map((params, index) =>
    [`link-${index + 1}`, Questions.asInputRequest(`{"method":"elicitation/create","params":${params}}`)] as const
  )
  return links.length === 0 ? undefined : inputRequired(request, new Map(links), anew, new Map())
}
