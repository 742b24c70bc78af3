/**
 * The outbox on disk: how an entry comes, is attempted and is settled. `OutboxKeeping` has what operators and time do.
 *
 * Each lookup goes by an index of the rows it is about, so that delivered ones cost nothing; a write returns once it is
 * committed.
 */
import { Clock, Context, Data, Duration, Effect, Layer, Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import type { AgentName, PrincipalId } from "../../domain/Ids.ts"
import type { Entry, EntryFilter } from "../Entry.ts"
import { Lanes } from "../Lanes.ts"
import { dead, type Standing } from "../Standing.ts"
import type { Draft } from "../submission/Draft.ts"
import { OutboxWriter } from "./OutboxWriter.ts"
import { changes, entryOf, type Row, type Slip } from "./Row.ts"
import { Tally } from "./Tally.ts"

export type Claim = Data.TaggedEnum<{
  Claimed: { readonly entry: Entry; readonly failures: number }
  /** The head may not be sent before. */
  Later: { readonly at: number }
  /** The head was accepted for another principal or relay. */
  Elsewhere: {}
  Empty: {}
}>
export const Claim = Data.taggedEnum<Claim>()

type Written<A> = Effect.Effect<A, SqlError.SqlError>

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export class OutboxStore extends Context.Service<OutboxStore, {
  readonly insert: (draft: Draft, seq: number, attempts: number, standing: Standing) => Written<Entry>
  /** Puts the head of a lane in flight, unless its place is `before` or later. */
  readonly claim: (lane: string, principal: PrincipalId, before: number) => Written<Claim>
  /** Of an entry in flight. */
  readonly settle: (entry: Entry, standing: Standing) => Written<void>
  /** The head of a lane waits until then. */
  readonly pause: (lane: string, until: number, why: string) => Written<void>
  readonly byKey: (agent: AgentName, tool: string, key: string) => Written<Option.Option<Row>>
  /** Its place among those of its lane that wait or are in flight, from 1. */
  readonly position: (row: Row) => Written<number>
  readonly find: (id: number) => Written<Option.Option<Entry>>
  readonly list: (filter: EntryFilter) => Written<ReadonlyArray<Entry>>
}>()("holdfast/outbox/OutboxStore") {
  /**
   * What was in flight when the last process ended goes back to its place, or is dead where it must not be sent twice;
   * what had to wait waits 5 minutes more at most; then all is counted, before anybody sees it.
   */
  static readonly layerNoDeps = Layer.effect(
    OutboxStore,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { outbox } = yield* Settings
      const { id: relay, url } = yield* RelayTarget
      const { write } = yield* OutboxWriter
      const tally = yield* Tally
      const lanes = yield* Lanes
      const slip = sql.literal("id, agent, lane, bytes, occurred_at, told")
      // Word for word the condition of the index `outbox_lane`, without which SQLite does not use it.
      const inLane = sql.literal("state IN ('pending', 'held', 'inflight')")

      const head = (lane: string) =>
        Effect.map(
          sql<Row>`SELECT * FROM outbox WHERE relay = ${relay} AND lane = ${lane} AND ${inLane} ORDER BY seq LIMIT 1`,
          (rows) => rows[0]
        )

      const recover = Effect.gen(function*() {
        const at = yield* now
        const latest = at + Duration.toMillis(outbox.retryHeld)
        const { reason } = dead(at, "unknown: it was in flight when Holdfast stopped, and may have been carried out")
        yield* sql.withTransaction(Effect.all([
          sql`UPDATE outbox SET state = 'dead', reason = ${reason}, settled_at = ${at}, told = 0
            WHERE relay = ${relay} AND state = 'inflight' AND on_unknown = 'dead'`,
          sql`UPDATE outbox SET state = 'pending', visible_at = ${at} WHERE relay = ${relay} AND state = 'inflight'`,
          // Written when the clock was ahead, it could be hours away.
          sql`UPDATE outbox SET visible_at = ${latest} WHERE relay = ${relay} AND ${inLane} AND visible_at > ${latest}`
        ]))
        const rows = yield* sql<Slip & Pick<Row, "state">>`
          SELECT ${slip}, state FROM outbox WHERE relay = ${relay} ORDER BY occurred_at`
        for (const { state, ...row } of rows) {
          const change = { from: undefined, to: state, slip: row }
          tally.apply(change)
          lanes.moved(change)
        }
        const [last] = yield* sql<{ readonly seq: number | null }>`SELECT MAX(seq) AS seq FROM outbox
          WHERE relay = ${relay}`
        lanes.startAfter(last?.seq ?? 0)
      })

      yield* Effect.orDie(recover)

      return OutboxStore.of({
        insert: (draft, seq, attempts, standing) =>
          write(Effect.gen(function*() {
            const { call, wire } = draft
            const [row] = yield* sql<Row>`INSERT INTO outbox ${
              sql.insert({
                seq,
                relay,
                agent: call.agent,
                lane: draft.lane,
                tool: call.tool,
                key: wire.key,
                arguments_hash: draft.argumentsHash,
                request: wire.text,
                bytes: draft.bytes,
                principal: call.principal,
                destination: url.href,
                on_unknown: draft.onUnknown,
                epoch: Option.getOrNull(call.epoch),
                occurred_at: draft.occurredAt,
                queued_at: yield* now,
                attempts,
                ...columns(standing)
              })
            } RETURNING *`
            if (row === undefined) return yield* Effect.die("an insert returned no row")
            return { value: entryOf(row), changes: changes(undefined, standing.state, [row]) }
          })),
        claim: (lane, principal, before) =>
          write<Claim>(Effect.gen(function*() {
            const row = yield* head(lane)
            if (row === undefined) return { value: Claim.Empty(), changes: [] }
            if (row.seq >= before) return { value: Claim.Later({ at: Infinity }), changes: [] }
            if (row.principal !== principal || row.destination !== url.href) {
              return { value: Claim.Elsewhere(), changes: [] }
            }
            if (row.visible_at > (yield* now)) return { value: Claim.Later({ at: row.visible_at }), changes: [] }
            const attempts = row.attempts + 1
            yield* sql`UPDATE outbox SET state = 'inflight', attempts = ${attempts} WHERE id = ${row.id}`
            const entry = entryOf({ ...row, state: "inflight", attempts })
            return {
              value: Claim.Claimed({ entry, failures: row.failures }),
              changes: changes(row.state, "inflight", [row])
            }
          })),
        settle: ({ id }, standing) =>
          write(Effect.map(
            sql<Slip>`UPDATE outbox SET ${sql.update(columns(standing))} WHERE id = ${id} AND state = 'inflight'
              RETURNING ${slip}`,
            (rows) => ({ value: undefined, changes: changes("inflight", standing.state, rows) })
          )),
        pause: (lane, until, why) =>
          write(Effect.gen(function*() {
            const row = yield* head(lane)
            if (row === undefined || row.visible_at >= until) return { value: undefined, changes: [] }
            yield* sql`UPDATE outbox SET visible_at = ${until}, last_error = ${why} WHERE id = ${row.id}`
            return { value: undefined, changes: changes(row.state, row.state, [row]) }
          })),
        byKey: (agent, tool, key) =>
          Effect.map(
            sql<Row>`SELECT * FROM outbox
              WHERE relay = ${relay} AND agent = ${agent} AND tool = ${tool} AND key = ${key}`,
            (rows) => Option.fromNullishOr(rows[0])
          ),
        position: (row) =>
          Effect.map(
            sql<{ readonly ahead: number }>`SELECT COUNT(*) AS ahead FROM outbox
              WHERE relay = ${relay} AND lane = ${row.lane} AND ${inLane} AND seq < ${row.seq}`,
            (rows) => (rows[0]?.ahead ?? 0) + 1
          ),
        find: (id) =>
          Effect.map(
            sql<Row>`SELECT * FROM outbox WHERE relay = ${relay} AND id = ${id}`,
            (rows) => Option.map(Option.fromNullishOr(rows[0]), entryOf)
          ),
        list: ({ after, agent, limit, state }) => {
          const states = state === "held" ? ["held", "parked"] : [state]
          const asked = [
            sql`relay = ${relay}`,
            sql`id > ${after ?? 0}`,
            ...(state === undefined ? [] : [sql.in("state", states)]),
            ...(agent === undefined ? [] : [sql`agent = ${agent}`])
          ]
          return Effect.map(
            sql<Row>`SELECT * FROM outbox WHERE ${sql.and(asked)} ORDER BY id LIMIT ${limit ?? -1}`,
            (rows) => rows.map(entryOf)
          )
        }
      })
    })
  )
}

const columns = (standing: Standing) => ({
  state: standing.state,
  failures: standing.failures,
  visible_at: standing.visibleAt,
  reason: standing.reason,
  last_error: standing.lastError,
  result: standing.result,
  settled_at: standing.settledAt,
  told: standing.told ? 1 : 0
})
