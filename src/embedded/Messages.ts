/** Messages between agents, in the order in which the relay took them. */
import { Context, Effect, Layer, Schema, type Scope } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import type { AgentName } from "../domain/Ids.ts"
import * as AgentRoom from "./AgentRoom.ts"
import * as MessageRoom from "./MessageRoom.ts"
import { Refused } from "./Writes.ts"

/** What is read at once; of longer ones less than `maxPage`, but always one. */
const maxPage = 100
const maxPageBytes = 1024 * 1024

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

interface Outgoing {
  readonly from: AgentName
  readonly text: string
  /** What a frame brought besides the text, JSON. */
  readonly envelope?: string | null | undefined
}

/** `send`, `broadcast` and `reply` fail where the relay has no room for more of the sender's messages. */
export class Messages extends Context.Service<Messages, {
  readonly send: (
    message: Outgoing & { readonly to: string; readonly replyTo?: string | undefined },
    now: number
  ) => Effect.Effect<Sent, Refused>
  /** To each agent that has used this relay, but for the sender. */
  readonly broadcast: (message: Outgoing, now: number) => Effect.Effect<Sent, Refused>
  /** To whoever wrote `messageId`; only who received or wrote it may. */
  readonly reply: (
    reply: { readonly from: AgentName; readonly messageId: string; readonly text: string },
    now: number
  ) => Effect.Effect<Sent, Refused>
  /** Oldest first, 100 or 1 MiB at most, those after the message `after`: up to that one the agent has read. */
  readonly inbox: (
    agent: AgentName,
    after: string | undefined
  ) => Effect.Effect<{ readonly messages: ReadonlyArray<Message>; readonly more: boolean }>
  /** The newest of the agent's messages, oldest first; `unreadOnly`: those that no connection to the socket has acknowledged. */
  readonly kept: (agent: AgentName, filter: {
    readonly limit: number
    readonly unreadOnly: boolean
    readonly from: string | undefined
  }) => Effect.Effect<ReadonlyArray<Message>>
  /** Calls `listener` with each recipient of a message, for as long as the scope is open. */
  readonly onSent: (listener: (recipient: string) => void) => Effect.Effect<void, never, Scope.Scope>
  /** Fails where the relay knows as many agents as it may, and this is none of them. */
  readonly seen: (agent: AgentName, now: number) => Effect.Effect<void, Refused>
  readonly agents: Effect.Effect<ReadonlyArray<{ readonly name: string; readonly lastSeenAt: number }>>
}>()("holdfast/embedded/Messages") {
  static readonly layerNoDeps = Layer.effect(
    Messages,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient

      const makeRoom = yield* MessageRoom.make
      const roomForAgent = yield* AgentRoom.make

      const listeners = new Set<(recipient: string) => void>()

      const append = Effect.fnUntraced(function*(
        from: AgentName,
        to: string,
        text: string,
        replyTo: number | null,
        now: number,
        envelope: string | null = null
      ) {
        const bytes = Buffer.byteLength(to) + Buffer.byteLength(text) + Buffer.byteLength(envelope ?? "")
        yield* makeRoom(from, bytes)
        // What it replies to may have made room.
        const [original] = yield* sql<{ readonly id: number }>`SELECT id FROM messages WHERE id = ${replyTo}`
        const [row] = yield* sql<{ readonly id: number }>`INSERT INTO messages ${
          sql.insert({
            sender: from,
            recipient: to,
            text,
            reply_to: original?.id ?? null,
            sent_at: now,
            envelope,
            bytes
          })
        } RETURNING id`
        listeners.forEach((listener) => listener(to))
        return { messageId: String(row?.id), to, sentAt: now }
      }, Effect.catchTag("SqlError", Effect.die))

      /** The message of that id that the agent wrote or received. */
      const own = (agent: AgentName, messageId: string) =>
        sql<{ readonly id: number; readonly sender: string; readonly recipient: string }>`
          SELECT id, sender, recipient FROM messages
          WHERE CAST(id AS TEXT) = ${messageId} AND id = CAST(${messageId} AS INTEGER)
            AND (sender = ${agent} OR recipient = ${agent})`.pipe(Effect.orDie, Effect.map(([row]) => row))

      /** The ids of the first of these messages, as far as they are read at once, and whether there are more. */
      const page = Effect.fnUntraced(function*(
        which: Statement.Fragment,
        { descending, limit }: { readonly descending: boolean; readonly limit: number }
      ) {
        const found = yield* sql<{ readonly id: number; readonly bytes: number }>`
          SELECT id, bytes FROM messages WHERE ${which}
          ORDER BY id ${descending ? sql`DESC` : sql``} LIMIT ${limit + 1}`
        let bytes = 0
        const within = found.slice(0, limit).filter((row, index) => {
          bytes += row.bytes
          return index === 0 || bytes <= maxPageBytes
        })
        return { within: within.map(({ id }) => id), more: found.length > within.length }
      })

      /** In the order in which the relay took them. */
      const read = (ids: ReadonlyArray<number>) =>
        ids.length === 0 ? Effect.succeed([]) : sql<Message>`
          SELECT CAST(id AS TEXT) AS id, sender AS "from", text, CAST(reply_to AS TEXT) AS "replyTo", sent_at AS "sentAt"
          FROM messages WHERE id IN ${sql.in(ids)} ORDER BY messages.id`

      return Messages.of({
        send: Effect.fnUntraced(function*({ envelope, from, replyTo, text, to }, now) {
          const original = replyTo === undefined ? undefined : yield* own(from, replyTo)
          return yield* append(from, to, text, original?.id ?? null, now, envelope)
        }),
        broadcast: Effect.fnUntraced(function*({ envelope, from, text }, now) {
          const recipients = yield* sql<{ readonly name: string }>`
            SELECT name FROM agents WHERE name <> ${from} ORDER BY name`
          let last = { messageId: "", to: "*", sentAt: now }
          for (const { name } of recipients) last = yield* append(from, name, text, null, now, envelope)
          return { ...last, to: "*" }
        }, Effect.catchTag("SqlError", Effect.die)),
        reply: Effect.fnUntraced(function*({ from, messageId, text }, now) {
          const row = yield* own(from, messageId)
          if (row === undefined) return yield* new Refused({ message: `there is no message ${messageId} of yours` })
          return yield* append(from, row.sender === from ? row.recipient : row.sender, text, row.id, now)
        }),
        inbox: Effect.fn("Messages.inbox")(function*(agent, after) {
          if (after !== undefined) {
            yield* sql`UPDATE agents SET read_to = max(read_to, min(CAST(${after} AS INTEGER),
              (SELECT coalesce(max(id), 0) FROM messages))) WHERE name = ${agent}`
          }
          const { more, within } = yield* page(
            sql`recipient = ${agent} AND id > CAST(${after ?? "0"} AS INTEGER)`,
            { descending: false, limit: maxPage }
          )
          return { messages: yield* read(within), more }
        }, Effect.orDie),
        kept: Effect.fn("Messages.kept")(function*(agent, { from, limit, unreadOnly }) {
          const { within } = yield* page(
            sql`recipient = ${agent} ${unreadOnly ? sql`AND acked_at IS NULL` : sql``} ${
              from === undefined ? sql`` : sql`AND sender = ${from}`
            }`,
            { descending: !unreadOnly, limit }
          )
          return yield* read(within)
        }, Effect.orDie),
        onSent: (listener) =>
          Effect.asVoid(Effect.acquireRelease(
            Effect.sync(() => listeners.add(listener)),
            () => Effect.sync(() => listeners.delete(listener))
          )),
        seen: Effect.fnUntraced(
          function*(agent, now) {
            yield* roomForAgent(agent)
            yield* sql`INSERT INTO agents ${sql.insert({ name: agent, last_seen: now })}
            ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen`
          },
          sql.withTransaction,
          Effect.catchTag("SqlError", Effect.die)
        ),
        agents: sql<{ readonly name: string; readonly lastSeenAt: number }>`
          SELECT name, last_seen AS "lastSeenAt" FROM agents ORDER BY name`.pipe(Effect.orDie)
      })
    })
  )
}
