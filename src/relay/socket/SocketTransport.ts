/**
 * The relay's transport where the relay is a daemon on a local socket: one attempt, as over HTTP, and what came of it.
 *
 * MCP's own methods are answered here once the daemon has said WELCOME, since it knows none of them; a tool's call is a
 * request of the daemon's protocol. The session is the daemon's: another one, and the old session is lost.
 */
import { Clock, Duration, Effect, FiberSet, Layer, Predicate, Result } from "effect"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as Message from "../../domain/Message.ts"
import { negotiate } from "../../domain/ProtocolVersion.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { NoStream, RelayFailure, SessionLost, SessionRefused } from "../RelayFailure.ts"
import { ofText } from "../transport/Incoming.ts"
import type { Attempt, RelayAnswer } from "../transport/RelayAnswer.ts"
import { RelayTransport } from "../transport/RelayTransport.ts"
import * as SocketCalls from "./SocketCalls.ts"
import { SocketConnection } from "./SocketConnection.ts"
import { type Envelope, reservedNames } from "./SocketEnvelope.ts"
import * as SocketFile from "./SocketFile.ts"
import { type Received, SocketInbox } from "./SocketInbox.ts"
import { listResult } from "./SocketTools.ts"

const empty = (status: number): RelayAnswer => ({ status, headers: {}, session: undefined, body: { _tag: "Empty" } })

const answer = (text: string, session?: string): RelayAnswer => ({
  status: 200,
  headers: { "content-type": "application/json" },
  session,
  body: { _tag: "Json", chunks: ofText(text) }
})

const result = (id: string, text: string) => `{"jsonrpc":"2.0","id":${id},"result":${text}}`
const error = (id: string, code: number, message: string) =>
  `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":${JSON.stringify(message)}}}`

const toolResult = (outcome: Exclude<SocketCalls.CallResult, { readonly _tag: "Faulty" }>): string => {
  if (outcome._tag === "Refused") {
    return JSON.stringify({ content: [{ type: "text", text: outcome.words }], isError: true })
  }
  const { payload } = outcome
  const structured = Predicate.isObject(payload) ? payload : { answer: payload }
  return JSON.stringify({
    content: [{ type: "text", text: JSON.stringify(structured) }],
    structuredContent: structured
  })
}

const failed = (reason: RelayFailure["reason"]) => Effect.fail(new RelayFailure({ reason }))

const keyOf = (params: Message.Request["params"]): string | undefined => {
  const given = Predicate.hasProperty(params["arguments"], "idempotencyKey")
    ? params["arguments"].idempotencyKey
    : undefined
  if (Predicate.isString(given) && given !== "") return given
  const meta = params["_meta"]
  const ours = Predicate.isReadonlyObject(meta) ? meta["holdfast/idempotencyKey"] : undefined
  return Predicate.isString(ours) ? ours : undefined
}

const receivedOf = ({ from, id, payload, payload_meta, ts }: Envelope): ReadonlyArray<Received> => {
  const body = Predicate.hasProperty(payload, "body") ? payload.body : undefined
  const thread = Predicate.hasProperty(payload, "thread") ? payload.thread : undefined
  return Predicate.isString(body)
    ? [{
      id,
      from: from ?? "",
      text: body,
      thread: Predicate.isString(thread) ? thread : null,
      replyTo: payload_meta?.replyTo ?? null,
      sentAt: ForeignTime.millis(ts)
    }]
    : []
}

const make = Effect.gen(function*() {
  const { url } = yield* RelayTarget
  const { link, relay: { socket } } = yield* Settings
  const deadlines = yield* Deadlines
  const clock = yield* Clock.Clock
  const inbox = yield* SocketInbox
  const runPromise = yield* FiberSet.runtimePromise(yield* FiberSet.make<boolean>())()
  const call = SocketCalls.make(inbox, socket)
  const connections = new Map<AgentName, SocketConnection>()

  const keep = (agent: AgentName) => (envelopes: ReadonlyArray<Envelope>): Promise<boolean> =>
    runPromise(
      inbox.keep(agent, envelopes.flatMap(receivedOf)).pipe(
        Effect.catchCause((cause) =>
          Effect.as(Effect.logWarning("messages could not be kept; the relay keeps them", cause), false)
        )
      )
    )

  const connectionOf = (agent: AgentName): SocketConnection => {
    const known = connections.get(agent)
    if (known !== undefined) return known
    const connection = new SocketConnection({
      path: SocketFile.pathOf(url),
      agent,
      deadlines,
      now: () => Math.floor(clock.currentTimeMillisUnsafe()),
      bounds: {
        connect: Duration.toMillis(link.connectTimeout),
        handshake: Duration.toMillis(socket.handshakeTimeout),
        silence: Duration.toMillis(socket.silence),
        halfFrame: Duration.toMillis(socket.silence),
        idle: Duration.toMillis(socket.idle),
        ackWait: Duration.toMillis(socket.ackWait),
        refusal: Duration.toMillis(link.backoffCapLoopback)
      },
      objection: SocketFile.objection,
      onDeliver: keep(agent)
    })
    connections.set(agent, connection)
    return connection
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => connections.forEach((connection) => connection.close())))

  const request = Effect.fnUntraced(function*(
    attempt: Attempt,
    { id, method, params }: Message.Request
  ): Effect.fn.Return<RelayAnswer, RelayFailure> {
    const { agent, watch } = attempt
    if (reservedNames.has(agent)) {
      return yield* failed(
        new SessionRefused({ code: -32602, detail: `the relay keeps the name ${agent} for itself: rename the agent` })
      )
    }
    if (method === "server/discover") return answer(error(id, -32601, "this relay has no server/discover"))
    const connection = connectionOf(agent)
    const session = yield* connection.ready(watch)
    if (method === "initialize") {
      const asked = params["protocolVersion"]
      const protocolVersion = negotiate(Predicate.isString(asked) ? asked : "")
      return answer(
        result(id, JSON.stringify({ protocolVersion, capabilities: { tools: {} }, serverInfo })),
        session.id
      )
    }
    if (attempt.session !== undefined && attempt.session !== session.id) {
      return yield* failed(new SessionLost({ status: 404 }))
    }
    switch (method) {
      case "ping":
        if (attempt.probes === true) {
          yield* connection.ask({
            type: "STATUS",
            payload: {},
            timeout: Duration.toMillis(socket.queryTimeout),
            watch
          })
        }
        return answer(result(id, "{}"))
      case "tools/list":
        return answer(result(id, listResult(session.dedupes)))
      case "tools/call": {
        const { name } = params
        if (!Predicate.isString(name)) return answer(error(id, -32602, "a call names its tool"))
        const outcome = yield* call({
          agent,
          connection,
          watch,
          name,
          arguments: params["arguments"],
          key: keyOf(params)
        })
        return answer(
          outcome._tag === "Faulty" ? error(id, outcome.code, outcome.words) : result(id, toolResult(outcome))
        )
      }
      default:
        return answer(error(id, -32601, `this relay has no ${method.slice(0, 100)}`))
    }
  })

  return RelayTransport.of({
    send: (attempt) => {
      if (attempt.method === "GET") return failed(new NoStream({ status: 405 }))
      if (attempt.method === "DELETE") return Effect.succeed(empty(204))
      const message = Message.parse(attempt.body ?? "")
      if (Result.isFailure(message)) {
        return Effect.succeed(answer(error("null", message.failure.code, message.failure.message)))
      }
      return message.success._tag === "Request" ? request(attempt, message.success) : Effect.succeed(empty(202))
    }
  })
})

const serverInfo = { name: "agent-relay", title: "Local relay, over its socket", version: "1" }

export const layer = Layer.effect(RelayTransport, make).pipe(Layer.provide(SocketInbox.layer))
