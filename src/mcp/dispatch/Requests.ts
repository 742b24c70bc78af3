/** Requests of either era, and batches of them, each with the responder that its era asks for. */
import { Duration, Effect, type Fiber, FiberSet, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { Happenings } from "../../observability/Happenings.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { CallTrace } from "../handlers/CallTrace.ts"
import type { RequestContext } from "../handlers/Handler.ts"
import type { Handlers } from "../handlers/Handlers.ts"
import type { LiveCall } from "../handlers/LiveCall.ts"
import { LiveCalls } from "../handlers/LiveCalls.ts"
import * as TaskForm from "../handlers/TaskForm.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import type { Connection } from "../streams/Connection.ts"
import { EventLogs } from "../streams/EventLogs.ts"
import { OpenStreams } from "../streams/OpenStreams.ts"
import * as Dispatcher from "./Dispatcher.ts"
import { Responder, type ResponderServices } from "./Responder.ts"

type Headers = RequestContext["headers"]

export const make = Effect.fnUntraced(function*(handlers: Handlers) {
  const { streams } = yield* Settings
  const streamAfter = {
    primed: Duration.toMillis(streams.answerAsStreamAfter),
    unprimed: Duration.toMillis(streams.modernAnswerAsStreamAfter)
  }
  const { results: { keep, onClose } } = yield* Settings
  const outbox = yield* Outbox
  const happenings = yield* Happenings
  const calls = yield* LiveCalls
  const dispatcher = yield* Dispatcher.make(handlers)
  const services: ResponderServices = {
    deadlines: yield* Deadlines,
    logs: yield* EventLogs,
    openStreams: yield* OpenStreams,
    progressAfter: Duration.toMillis(streams.answerProgress)
  }
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()
  let started = 0

  const traceOf = ({ method, params }: Request): CallTrace | undefined => {
    if (!happenings.heard || method !== "tools/call") return undefined
    const tool = params["name"]
    return Predicate.isString(tool) ? new CallTrace(happenings.nextCall(), tool) : undefined
  }

  const contextFor = (session: AgentSession, request: Request, headers: Headers, batched: boolean): RequestContext => ({
    session,
    request,
    headers,
    name: request.id,
    relayId: session.relayIdFor(request.id),
    batched,
    trace: traceOf(request)
  })

  /** With what becomes of its answer where the agent is gone, for a call of a tool. */
  const outliving = (context: RequestContext): RequestContext =>
    context.request.method === "tools/call" ? { ...context, call: calls.begin(context) } : context

  /** Whether a call that went quiet is about to be answered with a task. */
  const becomesTask = ({ id }: Request, call: LiveCall, responder: Responder): boolean => {
    if (!call.mayBecomeTask) return false
    fork(Effect.map(call.asTask, (task) => {
      if (Option.isNone(task)) return responder.showLife()
      const text = `{"jsonrpc":"2.0","id":${id},"result":${TaskForm.created(task.value, keep)}}`
      if (responder.handOver(text)) call.becameTask(task.value.id)
      else call.withdrawTask(task.value.id)
    }))
    return true
  }

  const start = (context: RequestContext, responder: Responder): Fiber.Fiber<unknown> => {
    const { call } = context
    const fiber = dispatcher.start(context, responder)
    if (call !== undefined) {
      call.fiber = fiber
      call.responder = responder
    }
    return fiber
  }

  /** A dropped connection is no cancellation; the stream can be resumed. */
  const legacy = (session: AgentSession, request: Request, headers: Headers, connection: Connection): void => {
    const priming = session.protocolVersion >= "2025-11-25"
    const context = outliving(contextFor(session, request, headers, false))
    const { call } = context
    const responder = new Responder(services, {
      connection,
      log: { session: session.id, requestId: request.id, onReadToEnd: call?.readToEnd },
      priming,
      resumable: true,
      id: request.id,
      streamAfter: priming ? streamAfter.primed : streamAfter.unprimed,
      progressToken: progressTokenOf(request),
      onGone: () => call?.gone(),
      onMissed: call?.missed
    })
    start(context, responder)
  }

  /**
   * The agent that closes the response cancels the request, unless it was accepted before (MCP 2026-07-28). A call of a
   * tool runs on: an agent that was killed, or gave up, closes in the same way. Agents of one name count their requests
   * each for themselves, so each has a name of ours.
   */
  const modern = (session: AgentSession, request: Request, headers: Headers, connection: Connection): void => {
    const name = `"modern-${++started}"`
    const context = outliving({
      session,
      request,
      headers,
      name,
      relayId: undefined,
      batched: false,
      trace: traceOf(request)
    })
    const { call } = context
    let fiber: Fiber.Fiber<unknown> | undefined
    const responder: Responder = new Responder(services, {
      connection,
      log: { session: session.id, requestId: request.id },
      priming: false,
      resumable: false,
      id: request.id,
      streamAfter: streamAfter.unprimed,
      progressToken: progressTokenOf(request),
      onMissed: call?.missed,
      onQuiet: call !== undefined && session.takesTasks ? () => becomesTask(request, call, responder) : undefined,
      onGone: () => {
        if (call?.isAnyTask === true) call.withdrawTask()
        if (call !== undefined && onClose === "keep") return call.gone()
        fork(Effect.andThen(outbox.cancel(session.id, name), Effect.sync(() => fiber?.interruptUnsafe())))
      }
    })
    fiber = start(context, responder)
  }

  /** Starts one request of a batch; gives the text of its answer. */
  const part = (session: AgentSession, request: Request, headers: Headers): Effect.Effect<string> =>
    dispatcher.inBatch(contextFor(session, request, headers, true))

  /** The answers to a batch, as one array. */
  const together = (
    session: AgentSession,
    answers: ReadonlyArray<Effect.Effect<string>>,
    connection: Connection
  ): void => {
    const responder = new Responder(services, {
      connection,
      log: { session: session.id },
      priming: false,
      resumable: true,
      id: "null",
      streamAfter: streamAfter.unprimed,
      onGone: () => {}
    })
    session.inBackground(Effect.flatMap(
      Effect.forEach(answers, (answer) => answer, { concurrency: "unbounded" }),
      (texts) =>
        responder.deliver({
          outcome: "answered",
          status: 200,
          headers: {},
          body: { _tag: "Whole", text: `[${texts.join(",")}]` }
        })
    ))
  }

  return { legacy, modern, part, together }
})

const progressTokenOf = ({ params, text }: Request): string | undefined =>
  Predicate.hasProperty(params["_meta"], "progressToken")
    ? JsonText.at(text, ["params", "_meta", "progressToken"])
    : undefined
