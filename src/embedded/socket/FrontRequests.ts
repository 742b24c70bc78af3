/** What an active agent may ask over the socket, and what it is answered: the same tables as the MCP tools. */
import { Clock, Effect, Option, Predicate, Result, Schema } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import { version } from "../../domain/Version.ts"
import { Ack, type Envelope, reservedNames, Send } from "../../relay/socket/SocketEnvelope.ts"
import { Messages, Sent } from "../Messages.ts"
import { Writes } from "../Writes.ts"
import { type Delivery, noTopic, SocketSessions } from "./SocketSessions.ts"

export interface Reply {
  readonly type: string
  readonly payload: unknown
  /** The request's, where the answer is known by it. */
  readonly id?: string | undefined
  readonly deliveries?: ReadonlyArray<Delivery> | undefined
}

export interface Asker {
  readonly agent: AgentName
  readonly session: string
  readonly isConnected: (agent: string) => boolean
  /** Agents with a connection. */
  readonly count: () => number
  readonly startedAt: number
}

const decodeSend = Schema.decodeUnknownResult(Send)
const decodeAck = Schema.decodeUnknownOption(Ack)
const InboxRequest = Schema.Struct({
  agent: Schema.optional(Schema.String),
  limit: Schema.optional(Schema.Number),
  unreadOnly: Schema.optional(Schema.Boolean),
  from: Schema.optional(Schema.String)
})
const decodeInbox = Schema.decodeUnknownOption(InboxRequest)
const ResumeRequest = Schema.Struct({
  session_id: Schema.String,
  streams: Schema.Record(Schema.String, Schema.Struct({ last_seq: Schema.Number }))
})
const decodeResume = Schema.decodeUnknownOption(ResumeRequest)

const maxInbox = 1000

export const nack = (id: string, code: "BUSY" | "INVALID" | "FORBIDDEN" | "STALE", message: string): Reply => ({
  type: "NACK",
  payload: { ack_id: id, code, message }
})

/** What goes with a message besides its text, and is given back to whoever gets it; `null` where that is nothing. */
const rest = ({ payload_meta, topic }: Envelope, { data, kind, thread }: Send, to: string): string | null => {
  const { sync: _, ...meta } = payload_meta ?? {}
  const kept = {
    ...(kind === undefined || kind === "message" ? {} : { kind }),
    ...(data === undefined ? {} : { data }),
    ...(thread === undefined ? {} : { thread }),
    ...(topic === undefined ? {} : { topic }),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
    ...(to === everybody ? { originalTo: to } : {})
  }
  return Object.keys(kept).length === 0 ? null : JSON.stringify(kept)
}

const everybody = "*"

/** The members of a DELIVER for this message. */
export const delivered = (delivery: Delivery, session: string) => {
  const { data, kind, meta, originalTo, thread } = delivery.envelope === null ? {} : JSON.parse(delivery.envelope)
  const replyTo = meta?.replyTo ?? (delivery.replyTo === null ? undefined : String(delivery.replyTo))
  return {
    id: String(delivery.message),
    ts: delivery.sentAt,
    from: delivery.from,
    to: delivery.to,
    ...(delivery.topic === noTopic ? {} : { topic: delivery.topic }),
    payload: { kind: kind ?? "message", body: delivery.text, data, thread },
    ...(meta === undefined && replyTo === undefined ? {} : { payload_meta: { ...meta, replyTo } }),
    delivery: { seq: delivery.seq, session_id: session, originalTo }
  }
}

export const make = Effect.gen(function*() {
  const messages = yield* Messages
  const sessions = yield* SocketSessions
  const { once } = yield* Writes

  /** On disk before it is acknowledged, once for each id of this agent. */
  const send = Effect.fnUntraced(function*({ agent }: Asker, envelope: Envelope): Effect.fn.Return<Reply | undefined> {
    const { id, payload, payload_meta: meta, to } = envelope
    const send = decodeSend(payload)
    if (Result.isFailure(send)) return nack(id, "INVALID", "a message has a body, which is text")
    if (to === undefined) return nack(id, "INVALID", "a message says whom it is to")
    if (reservedNames.has(to)) return nack(id, "FORBIDDEN", `the name ${to} is the relay's own`)
    const text = send.success.body
    const extra = rest(envelope, send.success, to)
    const written = yield* Effect.result(once(
      {
        agent,
        tool: "relay_send_message",
        key: id,
        arguments: { to, text, ...(extra === null ? {} : { envelope: extra }) }
      },
      Sent,
      (now) =>
        to === everybody
          ? messages.broadcast({ from: agent, text, envelope: extra }, now)
          : messages.send({ from: agent, to, text, envelope: extra, replyTo: meta?.replyTo }, now)
    ))
    if (Result.isFailure(written)) return nack(id, "INVALID", written.failure.message)
    if (meta?.sync === undefined && meta?.requires_ack !== true) return undefined
    return {
      type: "ACK",
      payload: {
        ack_id: id,
        seq: Number(written.success.messageId),
        correlationId: meta.sync?.correlationId,
        response: "ACCEPTED",
        responseData: { messageId: written.success.messageId }
      }
    }
  })

  const acknowledge = Effect.fnUntraced(function*({ agent, session }: Asker, { payload }: Envelope) {
    const ack = decodeAck(payload)
    if (Option.isNone(ack)) return undefined
    const now = Math.floor(yield* Clock.currentTimeMillis)
    yield* sessions.acknowledge(
      session,
      agent,
      { message: ack.value.ack_id, cumulative: ack.value.cumulative_seq },
      now
    )
    return undefined
  })

  const inbox = Effect.fnUntraced(function*({ agent }: Asker, { id, payload }: Envelope): Effect.fn.Return<Reply> {
    const asked = Option.getOrElse(decodeInbox(payload), () => ({} as typeof InboxRequest.Type))
    const type = "INBOX_RESPONSE"
    if (asked.agent !== undefined && asked.agent !== agent) {
      return { type, id, payload: { messages: [], error: `${agent} may read its own messages only` } }
    }
    const found = yield* messages.kept(agent, {
      limit: Math.max(1, Math.min(maxInbox, Math.floor(asked.limit ?? 100))),
      unreadOnly: asked.unreadOnly === true,
      from: asked.from
    })
    return {
      type,
      id,
      payload: { messages: found.map(({ from, id, sentAt, text }) => ({ id, from, body: text, timestamp: sentAt })) }
    }
  })

  const resume = Effect.fnUntraced(function*({ session }: Asker, { id, payload }: Envelope): Effect.fn.Return<Reply> {
    const asked = decodeResume(payload)
    if (Option.isNone(asked)) return nack(id, "INVALID", "RESUME names a session and its streams")
    const found = asked.value.session_id === session ? yield* sessions.resume(session, asked.value.streams) : undefined
    return found === undefined
      ? nack(id, "STALE", "what it asks for is no longer kept")
      : { type: "SYNC", id, payload: { session_id: session, streams: found.streams }, deliveries: found.deliveries }
  })

  const cannot = ({ id, payload }: Envelope, type: string): Reply => ({
    type,
    payload: {
      replyTo: id,
      success: false,
      name: Predicate.hasProperty(payload, "name") && Predicate.isString(payload.name) ? payload.name : "",
      error: "this relay starts and ends no agents"
    }
  })

  /** `undefined` where nothing is to be said. */
  return (asker: Asker, envelope: Envelope): Effect.Effect<Reply | undefined> => {
    const { id, type } = envelope
    switch (type) {
      case "SEND":
        return send(asker, envelope)
      case "ACK":
        return acknowledge(asker, envelope)
      case "INBOX":
        return inbox(asker, envelope)
      case "RESUME":
        return resume(asker, envelope)
      case "SPAWN":
        return Effect.succeed(cannot(envelope, "SPAWN_RESULT"))
      case "RELEASE":
        return Effect.succeed(cannot(envelope, "RELEASE_RESULT"))
      case "STATUS":
        return Effect.map(Clock.currentTimeMillis, (now) => ({
          type: "STATUS_RESPONSE",
          id,
          payload: { version, uptime: Math.floor(now) - asker.startedAt, agentCount: asker.count() }
        }))
      case "LIST_AGENTS":
        return Effect.map(messages.agents, (agents) => ({
          type: "LIST_AGENTS_RESPONSE",
          id,
          payload: { agents: agents.map(({ name }) => ({ name, idle: !asker.isConnected(name) })) }
        }))
      default:
        return Effect.succeed(undefined)
    }
  }
})

export type Handle = Effect.Success<typeof make>
