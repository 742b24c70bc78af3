/**
 * How an entry comes, is attempted and is settled, in SQL.
 *
 * Each lookup goes by a row's id, or by an index of the rows it is about, so that delivered ones cost nothing.
 */
import { Clock, Duration, Effect, Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import { preparedOn, valuesOn } from "../../storage/Prepared.ts"
import { type Entry, type EntryUpdate, updated } from "../Entry.ts"
import { isInLane, LaneOrder } from "./LaneOrder.ts"
import { Claim, type OutboxStore } from "./OutboxStore.ts"
import { apart, changeAtStart, changes, entryOf, isPending, type Row, summaryColumns, summaryOf } from "./Row.ts"
import type { Writer, Written } from "./Writer.ts"

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

const insertion = `INSERT INTO outbox (seq, relay, agent, lane, tool, key, arguments_hash, request, bytes, principal,
    destination, on_unknown, epoch, occurred_at, queued_at, attempts,
    state, failures, visible_at, reason, last_error, result, settled_at, told)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`

const settlement = `UPDATE outbox SET state = ?, failures = ?, visible_at = ?, reason = ?, last_error = ?, result = ?,
  settled_at = ?, told = ? WHERE id = ? AND state = 'inflight' RETURNING id`

/**
 * What was in flight when the last process ended goes back to its place, or is dead where it must not be sent twice; what
 * had to wait waits `retryHeld` more at most.
 */
const recover = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { outbox } = yield* Settings
  const { id: relay } = yield* RelayTarget
  const at = yield* now
  const latest = at + Duration.toMillis(outbox.retryHeld)
  const reason = "unknown: it was in flight when Holdfast stopped, and may have been carried out"
  yield* sql.withTransaction(Effect.all([
    sql`UPDATE outbox SET state = 'dead', reason = ${reason}, settled_at = ${at}, told = 0
      WHERE relay = ${relay} AND ${sql.literal(apart)} AND state = 'inflight' AND on_unknown = 'dead'`,
    sql`UPDATE outbox SET state = 'pending', visible_at = ${at}
      WHERE relay = ${relay} AND ${sql.literal(apart)} AND state = 'inflight'`,
    // Written when the clock was ahead, it could be hours away.
    ...[isPending, `${apart} AND state = 'held'`].map((states) =>
      sql`UPDATE outbox SET visible_at = ${latest}
        WHERE relay = ${relay} AND ${sql.literal(states)} AND visible_at > ${latest}`
    )
  ]))
})

export const make = Effect.fnUntraced(function*({ observe, write }: Writer) {
  const sql = yield* SqlClient.SqlClient
  const { id: relay, url: { href: destination } } = yield* RelayTarget
  const clock = yield* Clock.Clock
  const prepared = preparedOn(sql)
  yield* Effect.orDie(recover)
  const order = new LaneOrder()
  /** What is on disk and not delivered, the oldest first, until somebody observes. */
  let found = yield* Effect.orDie(Effect.map(
    Effect.forEach(
      [isPending, apart],
      (states) => valuesOn(sql)(`SELECT ${summaryColumns}, state FROM outbox WHERE relay = ? AND ${states}`, [relay])
    ),
    (rows) => rows.flat().map(changeAtStart).sort((one, other) => one.row.occurred_at - other.row.occurred_at)
  ))
  for (const change of found) order.apply(change)
  observe((change) => order.apply(change))

  /** In a transaction that has changed the lane already its first places may be behind the times. */
  const head = Effect.fnUntraced(
    function*(lane: string, index = 0): Effect.fn.Return<Row | undefined, SqlError.SqlError> {
      const place = order.at(lane, index)
      if (place === undefined) return undefined
      const [row] = yield* prepared<Row>("SELECT * FROM outbox WHERE id = ?", [place.id])
      return row !== undefined && row.seq === place.seq && isInLane(row.state) ? row : yield* head(lane, index + 1)
    }
  )

  /** `undefined`: it may be claimed, but not by a repeatable write. */
  const claimHead = Effect.fnUntraced(function*(
    lane: string,
    principal: string,
    before: number,
    { repeatable }: { readonly repeatable: boolean }
  ): Effect.fn.Return<Written<Claim | undefined>, SqlError.SqlError> {
    const row = yield* head(lane)
    if (row === undefined) return { value: Claim.Empty(), changes: [] }
    if (row.seq >= before) return { value: Claim.Later({ at: Infinity }), changes: [] }
    if (row.principal !== principal || row.destination !== destination) return { value: Claim.Elsewhere(), changes: [] }
    if (row.visible_at > Math.floor(clock.currentTimeMillisUnsafe())) {
      return { value: Claim.Later({ at: row.visible_at }), changes: [] }
    }
    // After a power cut nobody would know that it was sent.
    if (repeatable && row.on_unknown === "dead") return { value: undefined, changes: [] }
    const attempts = row.attempts + 1
    yield* prepared("UPDATE outbox SET state = 'inflight', attempts = ? WHERE id = ?", [attempts, row.id])
    const entry = entryOf({ ...row, state: "inflight", attempts })
    return {
      value: Claim.Claimed({ entry, failures: row.failures }),
      changes: changes(row.state, "inflight", [row])
    }
  })

  const claim = (lane: string, principal: string, before: number) =>
    Effect.flatMap(
      write(claimHead(lane, principal, before, { repeatable: true }), { repeatable: true }),
      (claim) => claim === undefined ? claimOnDisk(lane, principal, before) : Effect.succeed(claim)
    )

  const claimOnDisk = (lane: string, principal: string, before: number) =>
    Effect.map(
      write(claimHead(lane, principal, before, { repeatable: false })),
      (claim) => claim ?? Claim.Empty()
    )

  const settleRow = (entry: Entry, update: EntryUpdate) =>
    Effect.map(
      prepared(settlement, [...columns(update), entry.id]),
      (rows) => changes("inflight", update.state, rows.map(() => summaryOf(entry, update)))
    )

  return {
    observe: (onChange) =>
      Effect.gen(function*() {
        const [delivered] = yield* prepared<{ readonly count: number }>(
          "SELECT COUNT(*) AS count FROM outbox WHERE relay = ? AND state = 'delivered'",
          [relay]
        )
        observe((change) => {
          order.apply(change)
          onChange(change)
        })
        let lastSeq = 0
        for (const change of found) {
          onChange(change)
          lastSeq = Math.max(lastSeq, change.row.seq)
        }
        found = []
        return { lastSeq, delivered: delivered?.count ?? 0 }
      }),

    insert: ({ argumentsHash, ...entry }, update) =>
      write(Effect.suspend(() =>
        Effect.map(
          prepared<{ readonly id: number }>(insertion, [
            entry.seq,
            relay,
            entry.agent,
            entry.lane,
            entry.tool,
            entry.key,
            argumentsHash,
            entry.request,
            entry.bytes,
            entry.principal,
            destination,
            entry.onUnknown,
            Option.getOrNull(entry.epoch),
            entry.occurredAt,
            Math.floor(clock.currentTimeMillisUnsafe()),
            entry.attempts,
            ...columns(update)
          ]),
          ([row]) => {
            if (row === undefined) throw new Error("an insert returned no row")
            const value = updated({ ...entry, id: row.id, destination }, update)
            return { value, changes: changes(undefined, update.state, [summaryOf(value, update)]) }
          }
        )
      )),

    claim,

    settle: (entry, update) =>
      write(
        Effect.map(settleRow(entry, update), (changes) => ({ value: undefined, changes })),
        repeatability(entry, update)
      ),

    settleAndClaim: (entry, update, principal, before) => {
      const how = repeatability(entry, update)
      const both = Effect.gen(function*() {
        const settled = yield* settleRow(entry, update)
        const { changes, value } = yield* claimHead(entry.lane, principal, before, how)
        return { value, changes: [...settled, ...changes] }
      })
      return Effect.flatMap(
        write(both, how),
        (claim) => claim === undefined ? claimOnDisk(entry.lane, principal, before) : Effect.succeed(claim)
      )
    },

    pause: (lane, until, why) =>
      write(Effect.gen(function*() {
        const row = yield* head(lane)
        if (row === undefined || row.visible_at >= until) return { value: undefined, changes: [] }
        yield* prepared("UPDATE outbox SET visible_at = ?, last_error = ? WHERE id = ?", [until, why, row.id])
        return { value: undefined, changes: changes(row.state, row.state, [row]) }
      })),

    byKey: (agent, tool, key) =>
      Effect.map(
        prepared<Row>("SELECT * FROM outbox WHERE relay = ? AND agent = ? AND tool = ? AND key = ?", [
          relay,
          agent,
          tool,
          key
        ]),
        (rows) => Option.fromNullishOr(rows[0])
      ),

    position: (row) => Effect.sync(() => order.before(row.lane, row) + 1),

    find: (id) =>
      Effect.map(
        prepared<Row>("SELECT * FROM outbox WHERE relay = ? AND id = ?", [relay, id]),
        (rows) => Option.map(Option.fromNullishOr(rows[0]), entryOf)
      ),

    list: ({ after, agent, limit, state }) => {
      const states = state === "held" ? ["held", "parked"] : [state]
      const indexed = state === undefined || state === "pending" || state === "delivered" ? [] : [sql.literal(apart)]
      const asked = [
        ...indexed,
        sql`relay = ${relay}`,
        sql`id > ${after ?? 0}`,
        ...(state === undefined ? [] : [sql.in("state", states)]),
        ...(agent === undefined ? [] : [sql`+agent = ${agent}`])
      ]
      return Effect.map(
        sql<Row>`SELECT * FROM outbox WHERE ${sql.and(asked)} ORDER BY id LIMIT ${limit ?? -1}`,
        (rows) => rows.map(entryOf)
      )
    }
  } satisfies Partial<OutboxStore["Service"]>
})

/**
 * Taken back by a power cut, a delivery is made again under the same key, as one is that was in flight. What must not be
 * sent twice, and what a person or the agent is told of, waits for the disk.
 */
const repeatability = ({ onUnknown }: Entry, { state }: EntryUpdate) => ({
  repeatable: onUnknown === "resend" && state === "delivered"
})

const columns = (update: EntryUpdate) => [
  update.state,
  update.failures,
  update.visibleAt,
  update.reason,
  update.lastError,
  update.result,
  update.settledAt,
  update.reported ? 1 : 0
]
