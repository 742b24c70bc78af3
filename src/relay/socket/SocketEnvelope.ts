/**
 * The envelopes of the local socket protocol, version 1: what both sides say to each other in frames. Members that we do
 * not know pass unread, and a payload is decoded by who acts on it.
 */
import { Result, Schema } from "effect"
import type { JsonObject } from "./Frames.ts"

export const protocol = 1

const Optional = Schema.optional

export const Sync = Schema.Struct({
  correlationId: Schema.String,
  timeoutMs: Optional(Schema.Number),
  blocking: Schema.Boolean
})

export const Meta = Schema.Struct({
  requires_ack: Optional(Schema.Boolean),
  ttl_ms: Optional(Schema.Number),
  importance: Optional(Schema.Number),
  replyTo: Optional(Schema.String),
  sync: Optional(Sync)
})
export type Meta = typeof Meta.Type

export const Delivery = Schema.Struct({
  seq: Schema.Int,
  session_id: Schema.String,
  originalTo: Optional(Schema.String)
})
export type Delivery = typeof Delivery.Type

/** Ids are kept in memory and on disk, and a peer chooses them. */
const Id = Schema.NonEmptyString.check(Schema.isMaxLength(256))
const Name = Schema.NonEmptyString.check(Schema.isMaxLength(256))

export const Envelope = Schema.Struct({
  v: Schema.Literal(protocol),
  type: Schema.NonEmptyString.check(Schema.isMaxLength(64)),
  /** Unique for its sender. */
  id: Id,
  /** Milliseconds since the epoch. */
  ts: Schema.Number,
  /** The daemon sets it. */
  from: Optional(Name),
  /** A name, or `*` for all. */
  to: Optional(Name),
  topic: Optional(Name),
  payload: Schema.Unknown,
  payload_meta: Optional(Meta),
  delivery: Optional(Delivery)
})
export type Envelope = typeof Envelope.Type

const decodeEnvelope = Schema.decodeUnknownResult(Envelope)

/** Fails with words for the peer: another version, or a member that is missing or of another kind. */
export const decode = (frame: JsonObject): Result.Result<Envelope, string> => {
  if (frame["v"] !== protocol) return Result.fail(`the envelope's version is not ${protocol}`)
  // A daemon may leave an empty payload out.
  const decoded = decodeEnvelope({ ...frame, payload: frame["payload"] ?? {} })
  return Result.isSuccess(decoded)
    ? Result.succeed(decoded.success)
    : Result.fail(`the envelope is malformed: ${brief(decoded.failure.message)}`)
}

const brief = (words: string): string => (words.split("\n", 1)[0] ?? "").slice(0, 200)

// The payloads, by type.

export const Hello = Schema.Struct({
  agent: Name,
  capabilities: Optional(Schema.Struct({
    ack: Optional(Schema.Boolean),
    resume: Optional(Schema.Boolean),
    max_inflight: Optional(Schema.Number),
    supports_topics: Optional(Schema.Boolean)
  })),
  entityType: Optional(Schema.String),
  cli: Optional(Schema.String),
  session: Optional(Schema.Struct({ resume_token: Optional(Schema.String) }))
})
export type Hello = typeof Hello.Type

export const Welcome = Schema.Struct({
  session_id: Id,
  resume_token: Optional(Schema.String.check(Schema.isMaxLength(1024))),
  server: Optional(Schema.Struct({
    max_frame_bytes: Optional(Schema.Number),
    heartbeat_ms: Optional(Schema.Number),
    /** Says that the same id of the same agent is one write, however often it is sent; only our own front does. */
    dedupes: Optional(Schema.Boolean)
  }))
})
export type Welcome = typeof Welcome.Type

export const Send = Schema.Struct({
  kind: Optional(Schema.String),
  body: Schema.String,
  data: Optional(Schema.Unknown),
  thread: Optional(Schema.String)
})
export type Send = typeof Send.Type

export const Ack = Schema.Struct({
  ack_id: Schema.String,
  seq: Optional(Schema.Number),
  cumulative_seq: Optional(Schema.Number),
  correlationId: Optional(Schema.String),
  response: Optional(Schema.String),
  responseData: Optional(Schema.Unknown)
})
export type Ack = typeof Ack.Type

export const Nack = Schema.Struct({
  ack_id: Schema.String,
  code: Optional(Schema.String),
  message: Optional(Schema.String)
})

export const Failure = Schema.Struct({
  code: Optional(Schema.String),
  message: Optional(Schema.String),
  fatal: Optional(Schema.Boolean),
  replyTo: Optional(Schema.String)
})

export const Busy = Schema.Struct({ retry_after_ms: Optional(Schema.Number), queue_depth: Optional(Schema.Number) })

export const Inbox = Schema.Struct({
  messages: Schema.Array(Schema.Struct({
    id: Id,
    from: Schema.String,
    body: Schema.String,
    thread: Optional(Schema.String),
    timestamp: Schema.Number
  }))
})

/** Names that a daemon keeps for itself. */
export const reservedNames: ReadonlySet<string> = new Set(["Dashboard", "cli", "system", "_router"])
