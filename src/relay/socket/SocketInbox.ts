/**
 * Messages that a local daemon delivered, on disk, by agent: acknowledged once they are here, read with `relay_inbox`.
 *
 * An id that is here already is the same message. What was read stays until 2,000 later ones were read, its text until
 * 100 were, so that a daemon that delivers something again is recognized over a restart too.
 */
import { Context, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"

export interface Received {
  readonly id: string
  readonly from: string
  readonly text: string
  readonly thread: string | null
  readonly replyTo: string | null
  /** Milliseconds since the epoch. */
  readonly sentAt: number
}

/** An agent that reads nothing leaves the rest with the daemon. */
const maxUnread = 10_000
const maxUnreadBytes = 16 * 1024 * 1024
const keptRead = 2_000
/** Of these the texts stay, too, to be read once more. */
const keptTexts = 100
const page = 100

/** What a message is a part of, as far as it is a name. */
const short = (name: string | null): string | null => name !== null && name.length > 1024 ? null : name

const bytesOf = (text: string): number => Buffer.byteLength(text)

export class SocketInbox extends Context.Service<SocketInbox, {
  /** Each id once, in order. `false`: there is no room, and nothing was kept. */
  readonly keep: (agent: AgentName, messages: ReadonlyArray<Received>) => Effect.Effect<boolean>
  /** Oldest first, 100 at most, those after the message `after`, which is read by that. */
  readonly read: (
    agent: AgentName,
    after: string | undefined
  ) => Effect.Effect<{ readonly messages: ReadonlyArray<Received>; readonly more: boolean }>
  readonly find: (agent: AgentName, id: string) => Effect.Effect<Option.Option<Received>>
}>()("holdfast/relay/SocketInbox") {
  static readonly layer = Layer.effect(
    SocketInbox,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { id: relay, url: { href: url } } = yield* RelayTarget
      const columns = sql.literal(
        `id, sender AS "from", body AS text, thread, reply_to AS "replyTo", sent_at AS "sentAt"`
      )
      const ofAgent = (agent: AgentName) => sql`relay = ${relay} AND url = ${url} AND agent = ${agent}`

      const keep = Effect.fn("SocketInbox.keep")(
        function*(agent: AgentName, messages: ReadonlyArray<Received>) {
          const [row] = yield* sql<{ readonly unread: number; readonly bytes: number }>`
            SELECT count(*) AS unread, coalesce(sum(octet_length(body)), 0) AS bytes
            FROM socket_inbox WHERE ${ofAgent(agent)} AND read = 0`
          const { bytes = 0, unread = 0 } = row ?? {}
          const coming = messages.reduce((sum, { text }) => sum + bytesOf(text), 0)
          if (unread + messages.length > maxUnread || bytes + coming > maxUnreadBytes) return false
          for (const { from, id, replyTo, sentAt, text, thread } of messages) {
            yield* sql`INSERT OR IGNORE INTO socket_inbox ${
              sql.insert({
                relay,
                url,
                agent,
                id,
                sender: from,
                body: text,
                thread: short(thread),
                reply_to: short(replyTo),
                sent_at: sentAt
              })
            }`
          }
          return true
        },
        sql.withTransaction,
        Effect.orDie
      )

      const markRead = Effect.fnUntraced(function*(agent: AgentName, seq: number) {
        yield* sql`UPDATE socket_inbox SET read = 1 WHERE ${ofAgent(agent)} AND read = 0 AND seq <= ${seq}`
        yield* sql`DELETE FROM socket_inbox WHERE ${ofAgent(agent)} AND read = 1 AND seq <= (
          SELECT seq FROM socket_inbox WHERE ${ofAgent(agent)} AND read = 1
          ORDER BY seq DESC LIMIT 1 OFFSET ${keptRead})`
        yield* sql`UPDATE socket_inbox SET body = '' WHERE ${ofAgent(agent)} AND read = 1 AND body <> ''
          AND seq <= (SELECT seq FROM socket_inbox WHERE ${ofAgent(agent)} AND read = 1
          ORDER BY seq DESC LIMIT 1 OFFSET ${keptTexts})`
      })

      return SocketInbox.of({
        keep,
        read: Effect.fn("SocketInbox.read")(
          function*(agent, after) {
            const [last] = after === undefined ? [] : yield* sql<{ readonly seq: number }>`
              SELECT seq FROM socket_inbox WHERE ${ofAgent(agent)} AND id = ${after}`
            if (last !== undefined) yield* markRead(agent, last.seq)
            const rows = yield* sql<Received>`SELECT ${columns} FROM socket_inbox
              WHERE ${ofAgent(agent)} AND seq > ${last?.seq ?? 0} ${
              last === undefined ? sql`AND read = 0` : sql`AND (read = 0 OR body <> '')`
            }
              ORDER BY seq LIMIT ${page + 1}`
            return { messages: rows.slice(0, page), more: rows.length > page }
          },
          Effect.orDie
        ),
        find: Effect.fnUntraced(
          function*(agent, id) {
            const [row] = yield* sql<Received>`SELECT ${columns} FROM socket_inbox
              WHERE ${ofAgent(agent)} AND id = ${id}`
            return Option.fromUndefinedOr(row)
          },
          Effect.orDie
        )
      })
    })
  )
}
