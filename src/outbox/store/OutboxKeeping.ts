/** What operators, time and a change of principal do to the outbox on disk. Each write returns once it is committed. */
import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError, type Statement } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import type { AgentName, PrincipalId } from "../../domain/Ids.ts"
import { unknownPrincipal } from "../../token/PrincipalOf.ts"
import type { Entry } from "../Entry.ts"
import { Lanes } from "../Lanes.ts"
import { OutboxWriter } from "./OutboxWriter.ts"
import { changes, entryOf, type Row, type RowState, type Slip } from "./Row.ts"

type Done<A> = Effect.Effect<A, SqlError.SqlError>

/** How many rows one commit may touch where their number is not the caller's. */
export const portion = 200

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export class OutboxKeeping extends Context.Service<OutboxKeeping, {
  /**
   * Bound to the principal in force and with its retries anew. Dead and parked ones go to the tail of their lane; one
   * that holds its lane keeps its place and is tried at once.
   */
  readonly retry: (id: number, principal: PrincipalId) => Done<boolean>
  readonly discard: (id: number) => Done<boolean>
  /** Dead letters of pending entries that were accepted before; at most a portion. */
  readonly expire: (before: number, reason: string) => Done<ReadonlyArray<Entry>>
  /** Delivered ones that were settled before go; how many did, at most a portion. */
  readonly purge: (before: number) => Done<number>
  /**
   * Parks what was accepted for another principal or relay, and returns what was parked to its old place. What was
   * accepted before anybody was known becomes this principal's.
   */
  readonly rebind: (agent: AgentName, principal: PrincipalId) => Done<void>
  /** Entries that hold their lane are tried at once. */
  readonly freeHeld: (agent: AgentName) => Done<void>
  /** Dead letters that the agent has not been told of, told from now on. */
  readonly tell: (agent: AgentName) => Done<ReadonlyArray<Entry>>
  /** Delivered ones of these tools, the oldest first. */
  readonly deliveredOf: (isOne: (tool: string) => boolean) => Done<ReadonlyArray<Entry>>
  readonly agents: Done<ReadonlyArray<string>>
  /** How many of the agent's entries are not delivered. */
  readonly undelivered: (agent: AgentName) => Done<number>
  /** The agent's delivered ones go: nobody of the same name is answered from them. */
  readonly forget: (agent: AgentName) => Done<void>
  /** Writes, and changes nothing: finds out whether the disk takes it. */
  readonly touch: Done<void>
}>()("holdfast/outbox/OutboxKeeping") {
  static readonly layerNoDeps = Layer.effect(
    OutboxKeeping,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { id: relay, url } = yield* RelayTarget
      const { write } = yield* OutboxWriter
      const lanes = yield* Lanes
      const slip = sql.literal("id, agent, lane, bytes, occurred_at, told")

      const one = (id: number, states: ReadonlyArray<RowState>) =>
        Effect.map(
          sql<Row>`SELECT * FROM outbox WHERE relay = ${relay} AND id = ${id} AND ${sql.in("state", states)}`,
          (rows) => rows[0]
        )

      /** All of an agent's entries in `from` that meet the condition. */
      const move = (
        from: RowState,
        to: RowState,
        agent: AgentName,
        condition: Statement.Fragment,
        set: Statement.Fragment
      ) =>
        Effect.map(
          sql<Slip>`UPDATE outbox SET state = ${to}, ${set}
            WHERE relay = ${relay} AND state = ${from} AND agent = ${agent} AND ${condition} RETURNING ${slip}`,
          (rows) => changes(from, to, rows)
        )

      return OutboxKeeping.of({
        retry: (id, principal) =>
          write(Effect.gen(function*() {
            const row = yield* one(id, ["dead", "held", "parked"])
            if (row === undefined) return { value: false, changes: [] }
            const at = yield* now
            const seq = row.state === "held" ? row.seq : lanes.nextSeq()
            yield* sql`UPDATE outbox SET state = 'pending', seq = ${seq}, principal = ${principal},
              destination = ${url.href}, failures = 0, visible_at = ${at}, queued_at = ${at}, reason = NULL,
              settled_at = NULL, told = 0 WHERE id = ${id}`
            return { value: true, changes: changes(row.state, "pending", [row]) }
          })),
        discard: (id) =>
          write(Effect.gen(function*() {
            const row = yield* one(id, ["pending", "held", "parked", "dead"])
            if (row === undefined) return { value: false, changes: [] }
            yield* sql`DELETE FROM outbox WHERE id = ${id}`
            return { value: true, changes: changes(row.state, undefined, [row]) }
          })),
        expire: (before, reason) =>
          write(Effect.gen(function*() {
            const at = yield* now
            const rows = yield* sql<
              Row
            >`UPDATE outbox SET state = 'dead', reason = ${reason}, settled_at = ${at}, told = 0
              WHERE id IN (SELECT id FROM outbox WHERE relay = ${relay} AND state = 'pending' AND queued_at <= ${before}
                ORDER BY queued_at LIMIT ${portion}) RETURNING *`
            return { value: rows.map(entryOf), changes: changes("pending", "dead", rows) }
          })),
        purge: (before) =>
          write(Effect.map(
            sql<Slip>`DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
              WHERE relay = ${relay} AND state = 'delivered' AND settled_at <= ${before}
              ORDER BY settled_at LIMIT ${portion}) RETURNING ${slip}`,
            (rows) => ({ value: rows.length, changes: changes("delivered", undefined, rows) })
          )),
        rebind: (agent, principal) =>
          write(Effect.gen(function*() {
            const at = yield* now
            yield* sql`UPDATE outbox SET principal = ${principal}
              WHERE relay = ${relay} AND agent = ${agent} AND principal = ${unknownPrincipal}
              AND state IN ('pending', 'held', 'parked')`
            const other = sql`(principal <> ${principal} OR destination <> ${url.href})`
            const why = sql`reason = CASE WHEN destination <> ${url.href}
              THEN 'accepted for the relay at ' || destination ELSE 'accepted for another principal' END`
            const back = sql`reason = NULL, visible_at = MIN(visible_at, ${at})`
            const moved = yield* Effect.all([
              move("pending", "parked", agent, other, why),
              move("held", "parked", agent, other, why),
              move("parked", "pending", agent, sql`NOT ${other}`, back)
            ])
            return { value: undefined, changes: moved.flat() }
          })),
        freeHeld: (agent) =>
          write(Effect.gen(function*() {
            const at = yield* now
            const rows = yield* sql<Slip>`UPDATE outbox SET visible_at = ${at}
              WHERE relay = ${relay} AND state = 'held' AND agent = ${agent} RETURNING ${slip}`
            return { value: undefined, changes: changes("held", "held", rows) }
          })),
        tell: (agent) =>
          write(Effect.map(
            sql<Row>`UPDATE outbox SET told = 1 WHERE relay = ${relay} AND state = 'dead' AND agent = ${agent}
              AND told = 0 RETURNING *`,
            // Counted as they were, untold, and then as they are.
            (rows) => ({
              value: rows.map(entryOf),
              changes: rows.flatMap((row) => [
                { from: "dead" as const, to: undefined, slip: { ...row, told: 0 } },
                { from: undefined, to: "dead" as const, slip: row }
              ])
            })
          )),
        deliveredOf: Effect.fnUntraced(function*(isOne) {
          const delivered = sql`relay = ${relay} AND state = 'delivered'`
          const found = yield* sql<{ readonly tool: string }>`SELECT DISTINCT tool FROM outbox WHERE ${delivered}`
          const tools = found.map(({ tool }) => tool).filter(isOne)
          if (tools.length === 0) return []
          const rows = yield* sql<Row>`SELECT * FROM outbox WHERE ${delivered} AND ${sql.in("tool", tools)}
            ORDER BY settled_at, id`
          return rows.map(entryOf)
        }),
        agents: Effect.map(
          sql<{ readonly agent: string }>`SELECT DISTINCT agent FROM outbox
            WHERE relay = ${relay} AND state IN ('pending', 'held', 'parked')`,
          (rows) => rows.map(({ agent }) => agent)
        ),
        undelivered: (agent) =>
          Effect.map(
            sql<{ readonly n: number }>`SELECT COUNT(*) AS n FROM outbox
              WHERE relay = ${relay} AND state <> 'delivered' AND agent = ${agent}`,
            ([row]) => row?.n ?? 0
          ),
        forget: (agent) =>
          write(Effect.map(
            sql<Slip>`DELETE FROM outbox WHERE relay = ${relay} AND state = 'delivered' AND agent = ${agent}
              RETURNING ${slip}`,
            (rows) => ({ value: undefined, changes: changes("delivered", undefined, rows) })
          )),
        touch: write(Effect.as(sql`UPDATE sqlite_sequence SET seq = seq WHERE name = 'outbox'`, {
          value: undefined,
          changes: []
        }))
      })
    })
  )
}
