/**
 * The agent's side of one relay: a message comes in, finds its session, and is answered on its connection.
 *
 * Rooms below, in this order and never upwards: `dispatch` (one request, one fiber, one answer) → `handlers` (what each
 * method is answered) → `menu` → `sessions` → `streams`; `http` above hands the messages in.
 */
import { Cause, Context, Effect, FiberSet, Layer, Option } from "effect"
import type { AgentName } from "../domain/Ids.ts"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import * as JsonText from "../domain/JsonText.ts"
import { type Batch, type Message, type Request, requestId } from "../domain/Message.ts"
import type { Era } from "../domain/ProtocolVersion.ts"
import * as SseEvent from "../domain/SseEvent.ts"
import * as Requests from "./dispatch/Requests.ts"
import * as Handlers from "./handlers/Handlers.ts"
import * as Initialize from "./handlers/Initialize.ts"
import { LiveCalls } from "./handlers/LiveCalls.ts"
import * as Notices from "./handlers/Notices.ts"
import { FreshList } from "./menu/FreshList.ts"
import { ListChanges } from "./menu/ListChanges.ts"
import { LocalTools } from "./menu/LocalTools.ts"
import { MenuSignals, menuTriggers } from "./menu/MenuSignals.ts"
import { OwnStreams } from "./menu/OwnStreams.ts"
import { SessionMenu } from "./menu/SessionMenu.ts"
import { type AgentSession, contextPrefix } from "./sessions/AgentSession.ts"
import { AgentSessions } from "./sessions/AgentSessions.ts"
import { AskedCallStore } from "./sessions/AskedCallStore.ts"
import { contextOf } from "./sessions/ModernContexts.ts"
import { RoundStore } from "./sessions/RoundStore.ts"
import { SessionStore } from "./sessions/SessionStore.ts"
import type { Connection } from "./streams/Connection.ts"
import { OpenStreams } from "./streams/OpenStreams.ts"

export interface AgentPost {
  readonly agent: AgentName
  /** Which run of the agent it is, where each has a secret of its own. */
  readonly run?: string | undefined
  /** The `Mcp-Session-Id` header, as it came. */
  readonly session: string | undefined
  readonly message: Message | Batch
  /** The agent's headers that may pass to the relay, lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Of the modern era there are only requests and notifications. */
  readonly era: Era
}

export interface AgentGet {
  readonly agent: AgentName
  readonly session: string | undefined
  readonly lastEventId: string | undefined
}

/** One for each relay. */
export class Gateway extends Context.Service<Gateway, {
  /** POST: accepts the message, also where its client goes away meanwhile, and answers on the connection. */
  readonly post: (post: AgentPost, connection: Connection) => void
  /** GET: the session's own stream, or with `Last-Event-ID` the one that it names. */
  readonly openStream: (get: AgentGet, connection: Connection) => void
  /** DELETE: whether there was such a session. */
  readonly end: (agent: AgentName, session: string) => Effect.Effect<boolean>
}>()("holdfast/mcp/Gateway") {
  static readonly layerNoDeps = Layer.effect(Gateway, Effect.suspend(() => make))

  /** The room `mcp` of one relay, over the relay's side, the queue and what is kept on disk. */
  static readonly layer = Layer.merge(Gateway.layerNoDeps, menuTriggers).pipe(
    Layer.provideMerge(Layer.merge(ListChanges.layer, OwnStreams.layer)),
    Layer.provideMerge(FreshList.layer),
    Layer.provideMerge(Layer.mergeAll(SessionMenu.layer, AgentSessions.layer, LiveCalls.layer)),
    Layer.provideMerge(
      Layer.mergeAll(MenuSignals.layer, SessionStore.layer, LocalTools.layer, RoundStore.layer, AskedCallStore.layer)
    )
  )
}

const make = Effect.gen(function*() {
  const sessions = yield* AgentSessions
  const openStreams = yield* OpenStreams
  const ownStreams = yield* OwnStreams
  const initializing = yield* Initialize.make
  const handlers = yield* Handlers.make
  const notices = yield* Notices.make(handlers.rounds)
  const requests = yield* Requests.make(handlers)
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()

  /** What takes a wait before a session is at hand. Fails as a whole where Holdfast itself does. */
  const inBackground = (connection: Connection, work: Effect.Effect<void>): void => {
    fork(Effect.catchCause(work, (cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.andThen(
        Effect.logError("a request failed in Holdfast itself", cause),
        Effect.sync(() =>
          connection.reply(
            500,
            JsonRpcError.text(null, {
              code: JsonRpcError.codes.internal,
              message: "Holdfast failed on this request; its log says why"
            })
          )
        )
      )))
  }

  const findLoaded = (agent: AgentName, id: string | undefined): AgentSession | undefined =>
    id === undefined || id.startsWith(contextPrefix) ? undefined : sessions.findLoaded(agent, id)

  /** Loaded from disk where need be; where there is none the agent is told. */
  const withSession = (
    { agent, id, message }: {
      readonly agent: AgentName
      readonly id: string | undefined
      readonly message: string | null
    },
    connection: Connection,
    then: (session: AgentSession) => Effect.Effect<void>
  ): void => {
    const loaded = findLoaded(agent, id)
    const named = id !== undefined && !id.startsWith(contextPrefix)
    inBackground(
      connection,
      loaded !== undefined ? then(loaded) : Effect.flatMap(
        named ? sessions.find(agent, id) : Effect.succeedNone,
        Option.match({
          onNone: () =>
            Effect.sync(() =>
              connection.reply(id === undefined ? 400 : 404, JsonRpcError.text(message, noSession(id)))
            ),
          onSome: then
        })
      )
    )
  }

  const initialize = Effect.fnUntraced(function*(post: AgentPost, request: Request, connection: Connection) {
    if (request.text.length > maxInitialize) {
      const message = `an initialize of more than ${maxInitialize} characters, which would be kept for each session`
      return connection.reply(400, JsonRpcError.text(request.id, { code: JsonRpcError.codes.invalidRequest, message }))
    }
    const session = yield* sessions.create(post.agent, request)
    const result = yield* Effect.result(initializing.result(session, request))
    if (result._tag === "Failure") {
      yield* sessions.end(session)
      const { code, detail } = result.failure
      return connection.reply(200, JsonRpcError.text(request.id, { code, message: detail }))
    }
    const version = JsonText.at(result.success, ["protocolVersion"])
    if (version !== undefined) session.negotiated(String(JSON.parse(version)))
    yield* sessions.keep(session)
    connection.reply(200, `{"jsonrpc":"2.0","id":${request.id},"result":${result.success}}`, {
      "mcp-session-id": session.id
    })
  })

  /** A notification of the modern era is heard and goes nowhere: no server knows one over HTTP. */
  const modern = (post: AgentPost, connection: Connection): void => {
    const { agent, message, run } = post
    if (message._tag !== "Request") return connection.replyEmpty(202)
    const about = contextOf(agent, run, message)
    const loaded = sessions.findLoaded(agent, about.id)
    if (loaded !== undefined) return requests.modern(loaded, message, post.headers, connection)
    inBackground(
      connection,
      Effect.map(sessions.context(about), (session) => {
        ownStreams.holdsMenu(session)
        requests.modern(session, message, post.headers, connection)
      })
    )
  }

  /** Every part by itself and in order, the answers as one array (JSON-RPC 2.0, section 6; MCP 2025-03-26 alone has them). */
  const batch = Effect.fnUntraced(function*(
    session: AgentSession,
    post: AgentPost,
    { messages }: Batch,
    connection: Connection
  ) {
    if (session.protocolVersion !== "2025-03-26") {
      const message = `revision ${session.protocolVersion} has no batches; send each message by itself`
      return connection.reply(400, JsonRpcError.text(null, { code: JsonRpcError.codes.invalidRequest, message }))
    }
    if (messages.length > maxBatch) {
      const message = `a batch of ${messages.length} messages, ${maxBatch} at most: send it in parts`
      return connection.reply(400, JsonRpcError.text(null, { code: JsonRpcError.codes.invalidRequest, message }))
    }
    const answers: Array<Effect.Effect<string>> = []
    for (const part of messages) {
      if (part._tag === "Request") answers.push(requests.part(session, part, post.headers))
      else yield* notice(session, part)
    }
    if (answers.length === 0) connection.replyEmpty(202)
    else requests.together(session, answers, connection)
  })

  const notice = (session: AgentSession, message: Exclude<Message, Request>): Effect.Effect<void> =>
    message._tag === "Notification" ? notices.notification(session, message) : notices.response(session, message)

  return Gateway.of({
    post: (post, connection) => {
      const { agent, message, session: id } = post
      if (post.era === "modern") return modern(post, connection)
      if (message._tag === "Request") {
        if (message.method === "initialize") return inBackground(connection, initialize(post, message, connection))
        const loaded = findLoaded(agent, id)
        if (loaded !== undefined) return requests.legacy(loaded, message, post.headers, connection)
      }
      withSession({ agent, id, message: requestId(message) }, connection, (session) => {
        switch (message._tag) {
          case "Request":
            return Effect.sync(() => requests.legacy(session, message, post.headers, connection))
          case "Batch":
            return batch(session, post, message, connection)
          default:
            return Effect.map(notice(session, message), () => connection.replyEmpty(202))
        }
      })
    },

    openStream: ({ agent, lastEventId, session: id }, connection) =>
      withSession(
        { agent, id, message: null },
        connection,
        Effect.fnUntraced(function*(session) {
          const { after, log } = yield* handlers.streams.open(session, lastEventId)
          const onEnd = () => {
            if (log === session.log) handlers.streams.closed(session)
          }
          if (connection.closed) return onEnd()
          const reader = log.reader(after)
          const first = SseEvent.comment("connected")
          const stream = openStreams.open({ connection, reader, first, resumable: true, answers: false, onEnd })
          connection.answering = { gone: () => stream.close() }
        })
      ),

    end: Effect.fnUntraced(function*(agent, id) {
      const session = id.startsWith(contextPrefix) ? Option.none() : yield* sessions.find(agent, id)
      if (Option.isNone(session)) return false
      yield* sessions.end(session.value)
      return true
    })
  })
})

/** Messages in one batch. */
const maxBatch = 100
/** Characters of an `initialize`, which is kept on disk with its session. */
const maxInitialize = 64 * 1024

const noSession = (session: string | undefined): JsonRpcError.JsonRpcError => ({
  code: JsonRpcError.codes.session,
  message: session === undefined
    ? "the header Mcp-Session-Id is missing; send initialize first and repeat the id that its answer carries"
    : `no session is called "${session.slice(0, 80)}"; send initialize to open one`
})
