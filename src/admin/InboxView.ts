/** Messages of inboxes as the admin API takes and tells them. */
import { Option, Schema } from "effect"
import { AgentName } from "../domain/Ids.ts"
import type { InboxMessage } from "../inbox/InboxMessage.ts"
import { Instant, instant, instantOrNull } from "./Instant.ts"

export const NewInboxMessage = Schema.Struct({
  agent: AgentName,
  /** Who sends it, as the agent is told. */
  from: Schema.String,
  body: Schema.String,
  /** Names the message: it comes once, however often it is posted. Without one it is a new message. */
  id: Schema.optional(Schema.String)
})

/** One message without its text, which only `read` tells. */
export const InboxMessageView = Schema.Struct({
  id: Schema.String,
  /** In the order in which they came. */
  seq: Schema.Int,
  agent: AgentName,
  from: Schema.String,
  at: Instant,
  /** When its agent was told of it in the answer to a call. */
  toldAt: Schema.NullOr(Instant),
  readAt: Schema.NullOr(Instant),
  bytes: Schema.Int
})
export type InboxMessageView = typeof InboxMessageView.Type

/** `body` is null once it was read long ago. */
export const InboxMessageDetail = Schema.Struct({ ...InboxMessageView.fields, body: Schema.NullOr(Schema.String) })
export type InboxMessageDetail = typeof InboxMessageDetail.Type

/** `isDouble`: it had come before, and nothing was changed. */
export const InboxReceipt = Schema.Struct({ ...InboxMessageView.fields, isDouble: Schema.Boolean })

/** In order of `seq`; `next` is what `after` should be for the following page. */
export const InboxPage = Schema.Struct({ messages: Schema.Array(InboxMessageView), next: Schema.NullOr(Schema.Int) })

export const inboxMessageView = (
  { agent, at, bytes, from, id, readAt, seq, toldAt }: InboxMessage
): InboxMessageView => ({
  id,
  seq,
  agent,
  from,
  at: instant(at),
  toldAt: instantOrNull(toldAt),
  readAt: instantOrNull(readAt),
  bytes
})

export const inboxMessageDetail = (message: InboxMessage): InboxMessageDetail => ({
  ...inboxMessageView(message),
  body: Option.getOrNull(message.body)
})
