/** Messages between agents, in the order in which the relay took them. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { AgentName } from "../domain/Ids.ts"
import { Refused } from "./Writes.ts"

const page = 100

/** Times are milliseconds since the epoch. */
export const Message = Schema.Struct({
  id: Schema.String,
  from: Schema.String,
  text: Schema.String,
  replyTo: Schema.NullOr(Schema.String),
  sentAt: Schema.Int
})
export type Message = typeof Message.Type

export const Sent = Schema.Struct({ messageId: Schema.String, to: Schema.String, sentAt: Schema.Int })
export type Sent = typeof Sent.Type

export class Messages extends Context.Service<Messages, {
  readonly send: (
    message: { readonly from: AgentName; readonly to: string; readonly text: string },
    now: number
  ) => Effect.Effect<Sent>
  /** To whoever wrote `messageId`; only who received or wrote it may. */
  readonly reply: (
    reply: { readonly from: AgentName; readonly messageId: string; readonly text: string },
    now: number
  ) => Effect.Effect<Sent, Refused>
  /** Oldest first, 100 at most, those after the message `after`. */
  readonly inbox: (
    agent: AgentName,
    after: string | undefined
  ) => Effect.Effect<{ readonly messages: ReadonlyArray<Message>; readonly more: boolean }>
  readonly seen: (agent: AgentName, now: number) => Effect.Effect<void>
  readonly agents: Effect.Effect<ReadonlyArray<{ readonly name: string; readonly lastSeenAt: number }>>
}>()("holdfast/embedded/Messages") {
  static readonly layerNoDeps = Layer.effect(
    Messages,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient

      const append = Effect.fnUntraced(function*(
        from: AgentName,
        to: string,
        text: string,
        replyTo: number | null,
        now: number
      ) {
        const [row] = yield* sql<{ readonly id: number }>`INSERT INTO messages ${
          sql.insert({ sender: from, recipient: to, text, reply_to: replyTo, sent_at: now })
        } RETURNING id`
        return { messageId: String(row?.id), to, sentAt: now }
      }, Effect.orDie)

      return Messages.of({
        send: ({ from, text, to }, now) => append(from, to, text, null, now),
        reply: Effect.fnUntraced(function*({ from, messageId, text }, now) {
          const [row] = yield* sql<{ readonly id: number; readonly sender: string; readonly recipient: string }>`
            SELECT id, sender, recipient FROM messages
            WHERE CAST(id AS TEXT) = ${messageId} AND (sender = ${from} OR recipient = ${from})`.pipe(Effect.orDie)
          if (row === undefined) return yield* new Refused({ message: `there is no message ${messageId} of yours` })
          return yield* append(from, row.sender === from ? row.recipient : row.sender, text, row.id, now)
        }),
        inbox: Effect.fn("Messages.inbox")(function*(agent, after) {
          const rows = yield* sql<Message>`
            SELECT CAST(id AS TEXT) AS id, sender AS "from", text, CAST(reply_to AS TEXT) AS "replyTo", sent_at AS "sentAt"
            FROM messages WHERE recipient = ${agent} AND id > CAST(${after ?? "0"} AS INTEGER)
            ORDER BY messages.id LIMIT ${page + 1}`
          return { messages: rows.slice(0, page), more: rows.length > page }
        }, Effect.orDie),
        seen: (agent, now) =>
          sql`INSERT INTO agents ${sql.insert({ name: agent, last_seen: now })}
            ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen`.pipe(Effect.orDie, Effect.asVoid),
        agents: sql<{ readonly name: string; readonly lastSeenAt: number }>`
          SELECT name, last_seen AS "lastSeenAt" FROM agents ORDER BY name`.pipe(Effect.orDie)
      })
    })
  )
}
