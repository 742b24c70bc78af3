/** Agent sessions on disk: what a relay that has forgotten a session must be told again (BEHAVIOUR 3). */
import { Clock, Context, Effect, Layer, Metric, Option, Schema } from "effect"
import { SqlClient, type SqlError, SqlSchema } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import { AgentName, SessionId } from "../../domain/Ids.ts"
import * as Metrics from "../../observability/Metrics.ts"

const Texts = Schema.fromJsonString(Schema.Array(Schema.String))

/** Every text is JSON-RPC as the agent sent it. */
export const SavedSession = Schema.Struct({
  id: SessionId,
  agent: AgentName,
  initialize: Schema.String,
  protocol_version: Schema.String,
  roots: Schema.NullOr(Schema.String),
  log_level: Schema.NullOr(Schema.String),
  subscriptions: Texts,
  fingerprint: Schema.NullOr(Schema.String)
})
export type SavedSession = typeof SavedSession.Type

/** A session without what is said again to a relay. Times are milliseconds since the epoch. */
const StoredSummary = Schema.Struct({
  id: SessionId,
  agent: AgentName,
  client: Schema.String,
  clientVersion: Schema.String,
  protocol: Schema.String,
  openedAt: Schema.Int,
  usedAt: Schema.Int
})
export type StoredSummary = typeof StoredSummary.Type

const encodeTexts = Schema.encodeSync(Texts)

/**
 * One for each relay. Writes are best effort: on a disk that fails, sessions go on in memory and are lost with the
 * process, which is better than refusing the agent.
 */
export class SessionStore extends Context.Service<SessionStore, {
  readonly save: (session: SavedSession) => Effect.Effect<void>
  readonly find: (agent: AgentName, id: string) => Effect.Effect<Option.Option<SavedSession>>
  readonly used: (id: SessionId) => Effect.Effect<void>
  readonly remove: (id: SessionId) => Effect.Effect<void>
  readonly removeAgent: (agent: AgentName) => Effect.Effect<void>
  readonly count: Effect.Effect<number>
  readonly countOf: (agent: AgentName) => Effect.Effect<number>
  /** The most recently used ones first. */
  readonly recent: (limit: number) => Effect.Effect<ReadonlyArray<StoredSummary>>
  /** Ids of sessions idle for longer than `millis`, and of the least recently used beyond `most`. */
  readonly expired: (millis: number, most: number) => Effect.Effect<ReadonlyArray<SessionId>>
  /** Ids of the agent's least recently used sessions beyond `most`. */
  readonly beyond: (agent: AgentName, most: number) => Effect.Effect<ReadonlyArray<SessionId>>
}>()("holdfast/mcp/SessionStore") {
  static readonly layer = Layer.effect(
    SessionStore,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const relay = (yield* RelayTarget).id
      const now = Effect.map(Clock.currentTimeMillis, Math.floor)
      const bestEffort = Effect.catchCause((cause) =>
        Effect.logWarning("a session could not be written to disk", cause)
      )

      const select = SqlSchema.findOneOption({
        Request: Schema.Struct({ agent: Schema.String, id: Schema.String }),
        Result: SavedSession,
        execute: ({ agent, id }) =>
          sql`SELECT * FROM sessions WHERE id = ${id} AND relay = ${relay} AND agent = ${agent}`
      })
      const said = (path: string) =>
        sql`CASE WHEN json_valid(initialize)
          THEN substr(coalesce(CAST(initialize ->> ${`$.params.clientInfo.${path}`} AS TEXT), ''), 1, 100) ELSE '' END`
      const summaries = SqlSchema.findAll({
        Request: Schema.Int,
        Result: StoredSummary,
        execute: (limit) =>
          sql`SELECT id, agent, ${said("name")} AS client, ${said("version")} AS clientVersion,
            protocol_version AS protocol, created_at AS openedAt, used_at AS usedAt
            FROM sessions WHERE relay = ${relay} ORDER BY used_at DESC LIMIT ${limit}`
      })
      const Ids = Schema.Array(Schema.Struct({ id: SessionId }))
      const ids = (rows: Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError>) =>
        rows.pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(Ids)),
          Effect.map((rows) => rows.map((row) => row.id)),
          Effect.catchCause((cause) => Effect.as(Effect.logWarning("sessions cannot be read", cause), []))
        )
      const count = sql<{ readonly n: number }>`SELECT COUNT(*) AS n FROM sessions WHERE relay = ${relay}`.pipe(
        Effect.map(([row]) => row?.n ?? 0),
        Effect.orElseSucceed(() => 0)
      )
      yield* Metrics.sampled(Metrics.sessions, { relay }, count)
      yield* Metrics.declare(Metrics.sessionDuration, { relay })
      const duration = Metric.withAttributes(Metrics.sessionDuration, { relay })
      /** Of sessions that were just removed: how long they lasted. */
      const ended = Effect.fnUntraced(function*(
        removed: Effect.Effect<ReadonlyArray<{ readonly created_at: number }>, SqlError.SqlError>
      ) {
        const at = yield* now
        for (const { created_at } of yield* removed) yield* Metric.update(duration, Math.max(0, at - created_at) / 1000)
      }, bestEffort)

      return SessionStore.of({
        save: (session) =>
          Effect.flatMap(
            now,
            (at) =>
              sql`INSERT INTO sessions (id, relay, agent, initialize, protocol_version, roots, log_level, subscriptions,
                fingerprint, created_at, used_at)
              VALUES (${session.id}, ${relay}, ${session.agent}, ${session.initialize}, ${session.protocol_version},
                ${session.roots}, ${session.log_level}, ${encodeTexts(session.subscriptions)}, ${session.fingerprint},
                ${at}, ${at})
              ON CONFLICT (id) DO UPDATE SET roots = excluded.roots, log_level = excluded.log_level,
                subscriptions = excluded.subscriptions, fingerprint = excluded.fingerprint, used_at = excluded.used_at`
          )
            .pipe(bestEffort, Effect.asVoid),
        find: (agent, id) =>
          select({ agent, id }).pipe(
            Effect.catchCause((cause) => Effect.as(Effect.logWarning("sessions cannot be read", cause), Option.none()))
          ),
        used: (id) =>
          Effect.flatMap(now, (at) => sql`UPDATE sessions SET used_at = ${at} WHERE id = ${id}`).pipe(
            bestEffort,
            Effect.asVoid
          ),
        remove: (id) => ended(sql`DELETE FROM sessions WHERE id = ${id} RETURNING created_at`),
        removeAgent: (agent) =>
          ended(sql`DELETE FROM sessions WHERE agent = ${agent} AND relay = ${relay} RETURNING created_at`),
        count,
        countOf: (agent) =>
          sql<{ readonly n: number }>`SELECT COUNT(*) AS n FROM sessions WHERE relay = ${relay} AND agent = ${agent}`
            .pipe(
              Effect.map(([row]) => row?.n ?? 0),
              Effect.orElseSucceed(() => 0)
            ),
        recent: (limit) =>
          summaries(limit).pipe(
            Effect.catchCause((cause) => Effect.as(Effect.logWarning("sessions cannot be read", cause), []))
          ),
        expired: (millis, most) =>
          Effect.flatMap(
            now,
            (at) =>
              ids(sql`SELECT id FROM sessions WHERE relay = ${relay} AND used_at < ${at - millis}
              UNION SELECT id FROM (SELECT id FROM sessions WHERE relay = ${relay}
                ORDER BY used_at DESC LIMIT -1 OFFSET ${most})`)
          ),
        beyond: (agent, most) =>
          ids(sql`SELECT id FROM sessions WHERE relay = ${relay} AND agent = ${agent}
            ORDER BY used_at DESC LIMIT -1 OFFSET ${most}`)
      })
    })
  )
}
