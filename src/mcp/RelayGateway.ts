/** The agent's side of one relay: messages to sessions, sessions to interventions. */
import { Effect, FiberSet, Layer, Option, Scope } from "effect"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import * as JsonText from "../domain/JsonText.ts"
import type { Batch, Message, Request } from "../domain/Message.ts"
import { AgentRequests } from "./AgentRequests.ts"
import { type Batched, runBatch } from "./Batches.ts"
import { type AgentPost, Gateway, type PostReply } from "./Gateway.ts"
import { Initialize } from "./interventions/Initialize.ts"
import { ModernRequests } from "./ModernRequests.ts"
import { type AgentSession, contextPrefix } from "./sessions/AgentSession.ts"
import { AgentSessions } from "./sessions/AgentSessions.ts"
import { ModernContexts } from "./sessions/ModernContexts.ts"
import { Notices } from "./sessions/Notices.ts"
import * as AnswerStream from "./streams/AnswerStream.ts"
import type { EventLog } from "./streams/EventLog.ts"
import { EventLogs } from "./streams/EventLogs.ts"
import { ServerStream } from "./streams/ServerStream.ts"

const said = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): PostReply => ({
  _tag: "Said",
  status,
  headers,
  text
})

const accepted: PostReply = { _tag: "Accepted" }

const idOf = (message: Message | Batch): string | null => message._tag === "Request" ? message.id : null

const noSession = (session: string | undefined): JsonRpcError.JsonRpcError => ({
  code: JsonRpcError.codes.session,
  message: session === undefined
    ? "the header Mcp-Session-Id is missing; send initialize first and repeat the id that its answer carries"
    : `no session is called "${session.slice(0, 80)}"; send initialize to open one`
})

export const layer = Layer.effect(
  Gateway,
  Effect.gen(function*() {
    const sessions = yield* AgentSessions
    const requests = yield* AgentRequests
    const logs = yield* EventLogs
    const initializing = yield* Initialize
    const contexts = yield* ModernContexts
    const modernRequests = yield* ModernRequests
    const notices = yield* Notices
    const serverStream = yield* ServerStream
    const readers = new WeakMap<EventLog, AgentSession>()

    const find = (agent: AgentPost["agent"], id: string | undefined) =>
      id === undefined || id.startsWith(contextPrefix)
        ? Effect.succeed(Option.none<AgentSession>())
        : sessions.find(agent, id)

    const initialize = Effect.fnUntraced(function*(post: AgentPost, request: Request) {
      const session = yield* sessions.create(post.agent, request)
      const result = yield* Effect.result(initializing.result(session, request))
      if (result._tag === "Failure") {
        yield* sessions.end(session)
        return said(200, JsonRpcError.text(request.id, { code: result.failure.code, message: result.failure.detail }))
      }
      const version = JsonText.at(result.success, ["protocolVersion"])
      if (version !== undefined) session.protocolVersion = String(JSON.parse(version))
      yield* sessions.keep(session)
      return said(200, `{"jsonrpc":"2.0","id":${request.id},"result":${result.success}}`, {
        "mcp-session-id": session.id
      })
    })

    const begin = Effect.fnUntraced(function*(
      session: AgentSession,
      post: AgentPost,
      request: Request,
      batched: boolean
    ) {
      const answer = yield* AnswerStream.make({
        log: Effect.provideService(
          logs.make({ session: session.id, requestId: request.id }),
          Scope.Scope,
          session.scope
        ),
        priming: session.protocolVersion >= "2025-11-25",
        id: request.id
      })
      yield* requests.start(session, request, { headers: post.headers, answer, batched })
      return answer
    })

    const one = Effect.fnUntraced(
      function*(session: AgentSession, post: AgentPost, message: Message, batched: boolean) {
        switch (message._tag) {
          case "Request":
            return yield* begin(session, post, message, batched)
          case "Notification":
            yield* notices.notification(session, message)
            return undefined
          case "Response":
            yield* notices.response(session, message)
            return undefined
        }
      }
    )

    /** A notification of the modern era is heard and goes nowhere: no server knows one over HTTP. */
    const modern = Effect.fnUntraced(function*(post: AgentPost, message: Message | Batch) {
      if (message._tag !== "Request") return accepted
      const context = yield* contexts.of(post.agent, message)
      const answer = yield* AnswerStream.make({
        log: Effect.provideService(
          logs.make({ session: context.id, requestId: message.id }),
          Scope.Scope,
          context.scope
        ),
        priming: false,
        resumable: false,
        id: message.id
      })
      yield* modernRequests.start(context, message, { headers: post.headers, answer })
      return { _tag: "UnderWay", answer } as const
    })

    const batch = Effect.fnUntraced(function*(session: AgentSession, post: AgentPost, message: Batch) {
      if (session.protocolVersion !== "2025-03-26") {
        return said(
          400,
          JsonRpcError.text(null, {
            code: JsonRpcError.codes.invalidRequest,
            message: `revision ${session.protocolVersion} has no batches; send each message by itself`
          })
        )
      }
      const answering: Array<Batched> = []
      for (const part of message.messages) {
        const answer = yield* one(session, post, part, true)
        if (answer !== undefined && part._tag === "Request") answering.push({ answer, request: part })
      }
      if (answering.length === 0) return accepted
      const whole = yield* AnswerStream.make({
        log: Effect.provideService(logs.make({ session: session.id }), Scope.Scope, session.scope),
        priming: false,
        id: "null"
      })
      yield* runBatch(answering).pipe(
        Effect.flatMap((text) =>
          whole.answer({ _tag: "Json", status: 200, headers: {}, body: { _tag: "Whole", text } })
        ),
        FiberSet.run(session.work)
      )
      return { _tag: "UnderWay", answer: whole } as const
    })

    return Gateway.of({
      post: Effect.fnUntraced(function*(post) {
        const message = post.message
        if (post.era === "modern") return yield* modern(post, message)
        if (message._tag === "Request" && message.method === "initialize") return yield* initialize(post, message)
        const session = yield* find(post.agent, post.session)
        if (Option.isNone(session)) {
          return said(
            post.session === undefined ? 400 : 404,
            JsonRpcError.text(idOf(message), noSession(post.session))
          )
        }
        if (message._tag === "Batch") return yield* batch(session.value, post, message)
        const answer = yield* one(session.value, post, message, false)
        return answer === undefined ? accepted : { _tag: "UnderWay", answer } as const
      }),
      stream: Effect.fnUntraced(function*({ agent, lastEventId, session: id }) {
        const session = yield* find(agent, id)
        if (Option.isNone(session)) {
          return {
            _tag: "Said",
            status: id === undefined ? 400 : 404,
            text: JsonRpcError.text(null, noSession(id))
          } as const
        }
        const { after, log } = yield* serverStream.open(session.value, lastEventId)
        if (log === session.value.log) readers.set(log, session.value)
        return { _tag: "Open", log, after } as const
      }),
      closed: (log) => {
        const session = readers.get(log)
        return session === undefined ? Effect.void : serverStream.closed(session)
      },
      end: Effect.fnUntraced(function*(agent, id) {
        const session = yield* find(agent, id)
        if (Option.isNone(session)) return false
        yield* sessions.end(session.value)
        return true
      })
    })
  })
)
