/**
 * The dispatch table: who answers which method (BEHAVIOUR 2). Four handlers; everything else passes through.
 *
 * `initialize` is not in it: it makes the session that all others need, so `Gateway` answers it.
 */
import { Effect, Record } from "effect"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { isIn, itemsOf } from "../../domain/Methods.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { RunningCalls } from "./AskedCall.ts"
import * as AskedCalls from "./AskedCalls.ts"
import * as Discover from "./Discover.ts"
import { type Handler, ownResult, type RequestContext, RpcError } from "./Handler.ts"
import * as InputRounds from "./InputRounds.ts"
import * as Listen from "./Listen.ts"
import * as Lists from "./Lists.ts"
import * as OwnTasks from "./OwnTasks.ts"
import * as PassThrough from "./PassThrough.ts"
import * as RelayMessages from "./RelayMessages.ts"
import * as SessionStream from "./SessionStream.ts"
import * as TaskRequests from "./TaskRequests.ts"
import * as ToolCalls from "./ToolCalls.ts"

/** They are kept on disk with their session, and told to each new relay session. */
const maxSubscriptions = 1_000
/** Characters of one request that is said again to a new relay session, and of all of a session's subscriptions. */
const maxRemembered = 64 * 1024
const maxSubscribed = 256 * 1024

export interface Handlers {
  readonly handlerFor: (context: RequestContext) => Handler
  /** The streams of sessions, which GET opens. */
  readonly streams: SessionStream.SessionStream
  readonly rounds: InputRounds.InputRounds
  /** Whether the request goes on with what is under way, and so begins nothing. */
  readonly continues: AskedCalls.AskedCalls["continues"]
}

export const make = Effect.gen(function*() {
  const link = yield* RelayLink
  const store = yield* SessionStore
  const messages = yield* RelayMessages.make
  // What passes through may take rounds, and a round passes through.
  const rounds: InputRounds.InputRounds = yield* InputRounds.make((asking) => passThrough.again(asking))
  const passThrough: PassThrough.PassThrough = yield* PassThrough.make(messages, rounds)
  const calls = new RunningCalls()
  const streams = yield* SessionStream.make(messages, rounds, calls)
  const { continues, inRounds } = yield* AskedCalls.make(streams, calls, messages)
  const lists = yield* Lists.make(passThrough)

  const pass: Handler = (context, ahead) => passThrough.ask(context, ahead)

  const ping: Handler = Effect.fnUntraced(function*(context, ahead) {
    return (yield* link.state)._tag === "Down"
      ? ownResult(context.request, "{}", "answered")
      : yield* passThrough.ask(context, ahead)
  })

  /** What a new relay session has to be told again, once the relay has agreed to it. */
  const remembered = (change: (session: AgentSession, context: RequestContext) => void): Handler =>
    Effect.fnUntraced(function*(context, ahead) {
      const { method, text } = context.request
      if (text.length > maxRemembered) {
        return yield* invalid(`a ${method} of more than ${maxRemembered} characters, which is kept on disk`)
      }
      const answer = yield* passThrough.ask(context, ahead)
      if (answer.body._tag === "Whole" && JsonText.at(answer.body.text, ["result"]) !== undefined) {
        change(context.session, context)
        yield* store.save(context.session.saved)
        yield* streams.resubscribe(context.session, [])
      }
      return answer
    })

  const ownTasks = yield* OwnTasks.make
  const tasks = yield* TaskRequests.make(pass, ownTasks)

  const subscribe = remembered((session, { request }) => session.subscribe(request))

  const table: ReadonlyMap<string, Handler> = new Map(Object.entries({
    "server/discover": yield* Discover.make(passThrough),
    ...Record.map(itemsOf, () => lists),
    "tools/call": inRounds(yield* ToolCalls.make(passThrough)),
    "prompts/get": inRounds(pass),
    "resources/read": inRounds(pass),
    "subscriptions/listen": yield* Listen.make(streams, ownTasks),
    "tasks/get": tasks,
    "tasks/update": tasks,
    "tasks/cancel": tasks,
    "ping": ping,
    "logging/setLevel": remembered((session, { request }) => session.setLogLevel(request)),
    "resources/subscribe": (context, ahead) => {
      const { request: { text }, session: { subscriptions } } = context
      const length = subscriptions.reduce((length, one) => length + one.length, text.length)
      return subscriptions.length < maxSubscriptions && length <= maxSubscribed
        ? subscribe(context, ahead)
        : Effect.fail(invalid(
          `${maxSubscriptions} subscriptions, or ${maxSubscribed} characters of them, are what one session may have: `
            + "end one first"
        ))
    },
    "resources/unsubscribe": remembered((session, { request }) => session.unsubscribe(request))
  }))

  const handlerFor = ({ request: { method }, session }: RequestContext): Handler => {
    if (!isIn(method, session.modern ? "modern" : "legacy")) return session.modern ? unknownToModern : pass
    return table.get(method) ?? pass
  }

  const self: Handlers = { handlerFor, streams, rounds, continues }
  return self
})

const invalid = (message: string) => new RpcError({ code: JsonRpcError.codes.invalidRequest, message })

const unknownToModern: Handler = ({ request: { method } }) =>
  Effect.fail(
    new RpcError({
      code: JsonRpcError.codes.methodNotFound,
      message: `revision 2026-07-28 has no ${method}`,
      status: 404
    })
  )
