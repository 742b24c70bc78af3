/** What operators, time and a change of principal do to the entries, in SQL. */
import { Clock, Effect } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { unknownPrincipal } from "../../token/Principal.ts"
import { batchSize, type OutboxStore } from "./OutboxStore.ts"
import { apart, changes, entryOf, isPending, type Row, type RowState, type RowSummary, summaryColumns } from "./Row.ts"
import type { Writer } from "./Writer.ts"

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export const make = Effect.fnUntraced(function*({ write }: Writer) {
  const sql = yield* SqlClient.SqlClient
  const { id: relay, url } = yield* RelayTarget
  const summary = sql.literal(summaryColumns)
  const isApart = sql.literal(apart)
  /** In the words of an index. A condition on the agent needs a plus, or SQLite goes through all that the agent ever had. */
  const inState = (state: RowState) =>
    state === "pending" ? sql.literal(isPending) : sql`${isApart} AND state = ${state}`

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
      sql<RowSummary>`UPDATE outbox SET state = ${to}, ${set}
        WHERE relay = ${relay} AND ${inState(from)} AND +agent = ${agent} AND ${condition} RETURNING ${summary}`,
      (rows) => changes(from, to, rows)
    )

  return {
    retry: (id, principal, tail) =>
      write(Effect.gen(function*() {
        const row = yield* one(id, ["dead", "held", "parked"])
        if (row === undefined) return { value: false, changes: [] }
        const at = yield* now
        const seq = row.state === "held" ? row.seq : tail
        yield* sql`UPDATE outbox SET state = 'pending', seq = ${seq}, principal = ${principal},
          destination = ${url.href}, failures = 0, visible_at = ${at}, queued_at = ${at}, reason = NULL,
          settled_at = NULL, told = 0 WHERE id = ${id}`
        return { value: true, changes: changes(row.state, "pending", [{ ...row, seq }]) }
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
            ORDER BY queued_at LIMIT ${batchSize}) RETURNING *`
        return { value: rows.map(entryOf), changes: changes("pending", "dead", rows) }
      })),
    purge: (before) =>
      write(Effect.map(
        sql<RowSummary>`DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
          WHERE relay = ${relay} AND state = 'delivered' AND settled_at <= ${before}
          ORDER BY settled_at LIMIT ${batchSize}) RETURNING ${summary}`,
        (rows) => ({ value: rows.length, changes: changes("delivered", undefined, rows) })
      )),
    removeDelivered: (ids) =>
      write(Effect.map(
        sql<RowSummary>`DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))
          AND relay = ${relay} AND state = 'delivered' RETURNING ${summary}`,
        (rows) => ({ value: undefined, changes: changes("delivered", undefined, rows) })
      )),
    rebind: (agent, principal) =>
      write(Effect.gen(function*() {
        const at = yield* now
        // Nearly always all of them are this principal's, and they are many.
        const others = yield* sql`SELECT 1 FROM outbox WHERE relay = ${relay} AND ${inState("pending")}
          AND +agent = ${agent} AND (principal <> ${principal} OR destination <> ${url.href}) LIMIT 1`
        const here = others.length > 0 ? ["pending", "held"] as const : ["held"] as const
        for (const state of [...here, "parked"] as const) {
          yield* sql`UPDATE outbox SET principal = ${principal}
            WHERE relay = ${relay} AND ${inState(state)} AND +agent = ${agent} AND principal = ${unknownPrincipal}`
        }
        const other = sql`(principal <> ${principal} OR destination <> ${url.href})`
        const why = sql`reason = CASE WHEN destination <> ${url.href}
          THEN 'accepted for the relay at ' || destination ELSE 'accepted for ' || COALESCE(
            (SELECT name FROM principal_names AS names WHERE names.principal = outbox.principal), 'another principal') END`
        const back = sql`reason = NULL, visible_at = MIN(visible_at, ${at})`
        const moved = yield* Effect.all([
          ...here.map((state) => move(state, "parked", agent, other, why)),
          move("parked", "pending", agent, sql`NOT ${other}`, back)
        ])
        return { value: undefined, changes: moved.flat() }
      })),
    freeHeld: (agent) =>
      write(Effect.gen(function*() {
        const at = yield* now
        const rows = yield* sql<RowSummary>`UPDATE outbox SET visible_at = ${at}
          WHERE relay = ${relay} AND ${inState("held")} AND +agent = ${agent} RETURNING ${summary}`
        return { value: undefined, changes: changes("held", "held", rows) }
      })),
    takeUnreported: (agent) =>
      write(Effect.map(
        sql<Row>`UPDATE outbox SET told = 1 WHERE relay = ${relay} AND ${inState("dead")} AND +agent = ${agent}
          AND told = 0 RETURNING *`,
        // Counted as they were, unreported, and then as they are.
        (rows) => ({
          value: rows.map(entryOf),
          changes: rows.flatMap((row) => [
            { from: "dead" as const, to: undefined, row: { ...row, told: 0 } },
            { from: undefined, to: "dead" as const, row }
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
    undelivered: (agent) =>
      Effect.map(
        sql<{ readonly n: number }>`SELECT
          (SELECT COUNT(*) FROM outbox WHERE relay = ${relay} AND ${inState("pending")} AND +agent = ${agent})
          + (SELECT COUNT(*) FROM outbox WHERE relay = ${relay} AND ${isApart} AND +agent = ${agent}) AS n`,
        ([row]) => row?.n ?? 0
      ),
    forget: (agent) =>
      write(Effect.map(
        sql<RowSummary>`DELETE FROM outbox WHERE relay = ${relay} AND state = 'delivered' AND +agent = ${agent}
          RETURNING ${summary}`,
        (rows) => ({ value: undefined, changes: changes("delivered", undefined, rows) })
      ))
  } satisfies Partial<OutboxStore["Service"]>
})
