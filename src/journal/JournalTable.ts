/** The journal on disk. Each statement touches a batch, so that none holds up the process. */
import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { HappeningType } from "../observability/Happenings.ts"
import { preparedOn } from "../storage/Prepared.ts"
import { transactionWithoutSync } from "../storage/UnsyncedTransaction.ts"
import { bytesOf, type Gap, gapRecord, type StoredRecord } from "./JournalRecord.ts"

/** Records of one statement. */
export const batchSize = 200

/** Numbers that are taken at once: until they are used up no append waits for the disk. */
const reserved = 10_000

type Done<A> = Effect.Effect<A, SqlError.SqlError>

/** What upkeep needs to know of a record; `call` of calls that are with their agent. */
export interface RecordSummary {
  readonly seq: number
  readonly at: number
  readonly bytes: number
  readonly subject: string
  readonly type: HappeningType
  readonly relay: string | null
  readonly call: string | null
  /** Of a gap. */
  readonly from: number | null
}

export interface JournalTable {
  /** The number that no record has had, and none before it will get. */
  readonly start: number
  /** In the order of their numbers. A power cut may take back the last ones, and none is ever given their numbers. */
  readonly append: (records: ReadonlyArray<StoredRecord>) => Done<void>
  /** The next ones behind `seq`, a batch at most. */
  readonly after: (seq: number) => Done<ReadonlyArray<StoredRecord>>
  readonly summaries: (after: number) => Done<ReadonlyArray<RecordSummary>>
  /** Gives the bytes of each that was there. */
  readonly remove: (seqs: ReadonlyArray<number>) => Done<ReadonlyArray<number>>
  /** Removes all up to `gap.to`, in whose place the gap is. */
  readonly cutOff: (gap: Gap) => Done<void>
  /** The next start goes on from here. */
  readonly close: (newest: number) => Done<void>
}

interface Row extends Omit<StoredRecord, "session"> {
  readonly session: string | null
}

/** Records of one statement: few widths, since SQLite compiles each statement once; more at once gains nothing. */
const widths = [40, 8, 1]

const insertionOf = (width: number): string =>
  `INSERT INTO journal (seq, at, bytes, subject, session, type, payload) VALUES ${
    Array.from({ length: width }, () => "(?, ?, ?, ?, ?, ?, ?)").join()
  }`

const insertions = widths.map((width) => ({ width, text: insertionOf(width) }))

const valuesOf = (record: StoredRecord) => {
  const { at, payload, seq, session, subject, type } = record
  return [seq, at, bytesOf(record), subject, session ?? null, type, payload]
}

export const make: Effect.Effect<JournalTable, never, SqlClient.SqlClient> = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const prepared = preparedOn(sql)
  const withoutSync = yield* transactionWithoutSync(sql)
  const [sequence] = yield* prepared<{ readonly seq: number }>(
    "SELECT seq FROM sqlite_sequence WHERE name = 'journal'",
    []
  )
  const start = sequence?.seq ?? 0
  let end = start

  const sequenceIs = (seq: number) => prepared("UPDATE sqlite_sequence SET seq = ? WHERE name = 'journal'", [seq])

  const insert = Effect.fnUntraced(function*(records: ReadonlyArray<StoredRecord>) {
    let from = 0
    for (const { text, width } of insertions) {
      for (; records.length - from >= width; from += width) {
        yield* prepared(text, records.slice(from, from + width).flatMap(valuesOf))
      }
    }
  })

  const journalTable: JournalTable = {
    start,
    append: (records) => {
      const last = records.at(-1)?.seq ?? 0
      const written = insert(records)
      if (last <= end) return withoutSync(written)
      const next = last + reserved
      return Effect.map(sql.withTransaction(Effect.andThen(written, sequenceIs(next))), () => {
        end = next
      })
    },
    after: (seq) =>
      Effect.map(
        prepared<Row>(
          `SELECT seq, at, subject, session, type, payload FROM journal WHERE seq > ? ORDER BY seq LIMIT ${batchSize}`,
          [seq]
        ),
        (rows) => rows.map((row) => ({ ...row, session: row.session ?? undefined }))
      ),
    summaries: (after) =>
      prepared<RecordSummary>(
        `SELECT seq, at, bytes, subject, type,
          CASE WHEN type LIKE 'link.%' OR type = 'menu.changed' THEN payload ->> 'relay' END AS relay,
          CASE WHEN type IN ('call.progress', 'call.answered') THEN payload ->> 'call' END AS call,
          CASE WHEN type = 'gap' THEN payload ->> 'from' END AS "from"
          FROM journal WHERE seq > ? ORDER BY seq LIMIT ${batchSize}`,
        [after]
      ),
    remove: (seqs) =>
      Effect.map(
        withoutSync(
          prepared<{ readonly bytes: number }>(
            "DELETE FROM journal WHERE seq IN (SELECT value FROM json_each(?)) RETURNING bytes",
            [JSON.stringify(seqs)]
          )
        ),
        (rows) => rows.map(({ bytes }) => bytes)
      ),
    cutOff: (gap) =>
      withoutSync(Effect.andThen(
        prepared("DELETE FROM journal WHERE seq <= ?", [gap.to]),
        insert([gapRecord(gap)])
      )),
    close: (newest) => Effect.asVoid(sequenceIs(newest))
  }
  return journalTable
}).pipe(Effect.orDie)
