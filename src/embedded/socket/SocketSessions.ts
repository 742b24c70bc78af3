/**
 * What the socket keeps of its agents over connections and restarts: one session each, its resume token as a hash, what
 * was delivered and not yet acknowledged, and how far each stream has come.
 *
 * Per (topic, sender) the sequence counts from 1 and has no gap. A delivery is on disk before it is sent, and is sent
 * again on a resume, under its number, until it is acknowledged.
 */
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { hash, randomBytes } from "node:crypto"
import type { AgentName } from "../../domain/Ids.ts"

/** Of one sender in one session; beyond, the oldest of which nothing waits for its acknowledgement counts from 1 again. */
const maxTopics = 100

const tokenMillis = 24 * 60 * 60 * 1000
/** The topic of a message that has none. */
export const noTopic = ""

export interface Session {
  readonly id: string
  /** Good for one HELLO. */
  readonly resumeToken: string
  /** Whether it is the one that the token named. */
  readonly resumed: boolean
}

export interface Delivery {
  /** The message's id, which grows with the order in which the relay took them. */
  readonly message: number
  readonly from: string
  readonly to: string
  readonly text: string
  readonly sentAt: number
  readonly replyTo: number | null
  /** What came with it besides its text, JSON. */
  readonly envelope: string | null
  readonly topic: string
  readonly seq: number
}

export interface StreamPosition {
  readonly topic: string
  readonly peer: string
  readonly last_seq: number
  readonly server_last_seq: number
}

export class SocketSessions extends Context.Service<SocketSessions, {
  /** Resumes where the token is this agent's, good and unused, else begins anew: what was not acknowledged comes again. */
  readonly open: (agent: AgentName, token: string | undefined, now: number) => Effect.Effect<Session>
  /** All that was sent in this session and not acknowledged, in order. */
  readonly unacknowledged: (session: string) => Effect.Effect<ReadonlyArray<Delivery>>
  /** The next messages after `after`, oldest first, numbered. */
  readonly next: (
    session: string,
    agent: AgentName,
    after: number,
    limit: number
  ) => Effect.Effect<ReadonlyArray<Delivery>>
  /** This message, and with `cumulative` all of its stream up to that number. */
  readonly acknowledge: (
    session: string,
    agent: AgentName,
    ack: { readonly message: string; readonly cumulative: number | undefined },
    now: number
  ) => Effect.Effect<void>
  /** What is asked for again by RESUME; `undefined` where it is no longer kept, or never was. */
  readonly resume: (
    session: string,
    streams: Readonly<Record<string, { readonly last_seq: number }>>
  ) => Effect.Effect<
    { readonly streams: ReadonlyArray<StreamPosition>; readonly deliveries: ReadonlyArray<Delivery> } | undefined
  >
}>()("holdfast/embedded/SocketSessions") {
  static readonly layerNoDeps = Layer.effect(
    SocketSessions,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient

      const issue = () => {
        const token = randomBytes(32).toString("base64url")
        return { token, hashed: hash("sha256", token) }
      }

      const message = sql.literal(
        `m.id AS message, m.sender AS "from", m.recipient AS "to", m.text, m.sent_at AS "sentAt",
         m.reply_to AS "replyTo", m.envelope`
      )

      const unacknowledged = (session: string) =>
        sql<Delivery>`SELECT ${message}, d.topic, d.seq FROM socket_deliveries d JOIN messages m ON m.id = d.message
          WHERE d.session = ${session} ORDER BY d.message`.pipe(Effect.orDie)

      const renew = Effect.fnUntraced(function*(id: string, now: number) {
        const { hashed, token } = issue()
        yield* sql`UPDATE socket_sessions SET token_hash = ${hashed}, token_until = ${now + tokenMillis}
          WHERE id = ${id}`
        return { id, resumeToken: token, resumed: true }
      })

      const replace = Effect.fnUntraced(function*(agent: AgentName, now: number) {
        const [old] = yield* sql<{ readonly id: string }>`SELECT id FROM socket_sessions WHERE agent = ${agent}`
        if (old !== undefined) {
          yield* sql`DELETE FROM socket_deliveries WHERE session = ${old.id}`
          yield* sql`DELETE FROM socket_streams WHERE session = ${old.id}`
          yield* sql`DELETE FROM socket_sessions WHERE id = ${old.id}`
        }
        const { hashed, token } = issue()
        const id = randomBytes(16).toString("base64url")
        yield* sql`INSERT INTO socket_sessions ${
          sql.insert({ id, agent, token_hash: hashed, token_until: now + tokenMillis })
        }`
        return { id, resumeToken: token, resumed: false }
      })

      /** All but the newest of them; the present one stays. */
      const forgetTopics = (session: string, sender: string, present: string) =>
        sql`DELETE FROM socket_streams WHERE rowid IN (
          SELECT s.rowid FROM socket_streams s
          WHERE session = ${session} AND sender = ${sender} AND topic <> ${present}
            AND NOT EXISTS (SELECT 1 FROM socket_deliveries d
              WHERE d.session = s.session AND d.topic = s.topic AND d.sender = s.sender)
          ORDER BY s.rowid DESC LIMIT -1 OFFSET ${maxTopics - 1})`

      return SocketSessions.of({
        unacknowledged,
        open: Effect.fn("SocketSessions.open")(
          function*(agent, token, now) {
            const [found] = token === undefined ? [] : yield* sql<{ readonly id: string }>`
              SELECT id FROM socket_sessions
              WHERE agent = ${agent} AND token_hash = ${hash("sha256", token)} AND token_until > ${now}`
            return found === undefined ? yield* replace(agent, now) : yield* renew(found.id, now)
          },
          sql.withTransaction,
          Effect.orDie
        ),
        next: Effect.fn("SocketSessions.next")(
          function*(session, agent, after, limit) {
            const rows = yield* sql<Omit<Delivery, "seq" | "topic">>`SELECT ${message} FROM messages m
              WHERE m.recipient = ${agent} AND m.acked_at IS NULL AND m.id > ${after} ORDER BY m.id LIMIT ${limit}`
            const deliveries: Array<Delivery> = []
            for (const row of rows) {
              const topic = topicOf(row.envelope)
              const [position] = yield* sql<{ readonly last_seq: number }>`
                INSERT INTO socket_streams ${sql.insert({ session, topic, sender: row.from, last_seq: 1 })}
                ON CONFLICT (session, topic, sender) DO UPDATE SET last_seq = last_seq + 1 RETURNING last_seq`
              const seq = position?.last_seq ?? 1
              if (seq === 1) yield* forgetTopics(session, row.from, topic)
              yield* sql`INSERT INTO socket_deliveries ${
                sql.insert({ session, message: row.message, topic, sender: row.from, seq })
              }`
              deliveries.push({ ...row, topic, seq })
            }
            return deliveries
          },
          sql.withTransaction,
          Effect.orDie
        ),
        acknowledge: Effect.fnUntraced(
          function*(session, agent, ack, now) {
            const [row] = yield* sql<{ readonly message: number; readonly topic: string; readonly sender: string }>`
              SELECT message, topic, sender FROM socket_deliveries
              WHERE session = ${session} AND CAST(message AS TEXT) = ${ack.message}`
            yield* sql`UPDATE messages SET acked_at = ${now}
              WHERE CAST(id AS TEXT) = ${ack.message} AND id = CAST(${ack.message} AS INTEGER)
                AND recipient = ${agent} AND acked_at IS NULL`
            if (row === undefined) return
            const upTo = ack.cumulative ?? 0
            const those = sql`session = ${session} AND (message = ${row.message}
              OR (topic = ${row.topic} AND sender = ${row.sender} AND seq <= ${upTo}))`
            yield* sql`UPDATE messages SET acked_at = ${now}
              WHERE acked_at IS NULL AND id IN (SELECT message FROM socket_deliveries WHERE ${those})`
            yield* sql`DELETE FROM socket_deliveries WHERE ${those}`
          },
          Effect.orDie
        ),
        resume: Effect.fn("SocketSessions.resume")(
          function*(session, asked) {
            const streams = yield* sql<{ topic: string; sender: string; last_seq: number }>`
              SELECT topic, sender, last_seq FROM socket_streams WHERE session = ${session}`
            const kept = yield* unacknowledged(session)
            const positions: Array<StreamPosition> = []
            for (const [topic, { last_seq: last }] of Object.entries(asked)) {
              const named = topic === "default" ? noTopic : topic
              const ofTopic = streams.filter((stream) => stream.topic === named)
              if (ofTopic.length === 0 && last > 0) return undefined
              for (const { last_seq: server, sender } of ofTopic) {
                const first = kept.find((delivery) => delivery.topic === named && delivery.from === sender)?.seq
                  ?? server + 1
                if (last > server || last + 1 < first) return undefined
                positions.push({ topic, peer: sender, last_seq: last, server_last_seq: server })
              }
            }
            const deliveries = kept.filter(({ from, seq, topic }) =>
              positions.some((position) =>
                (position.topic === "default" ? noTopic : position.topic) === topic && position.peer === from
                && seq > position.last_seq
              )
            )
            return { streams: positions, deliveries }
          },
          sql.withTransaction,
          Effect.orDie
        )
      })
    })
  )
}

const topicOf = (envelope: string | null): string => {
  const topic: unknown = envelope === null ? undefined : JSON.parse(envelope).topic
  return typeof topic === "string" ? topic : noTopic
}
