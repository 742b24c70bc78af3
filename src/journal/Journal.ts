/**
 * The journal: what happened, as an ordered log on disk (BEHAVIOUR 13).
 *
 * Appending costs a place in a bounded buffer and never fails: what a full or failing disk does not take in time is lost,
 * and a `gap` stands in its place. Reading is exact: behind a cursor comes each record that is kept, once, in order, and
 * in the place of what is gone a gap. A reader holds a cursor and no memory; it is read on from disk.
 */
import { Clock, Context, Deferred, Effect, Exit, Latch, Layer, Option, Schema, Stream } from "effect"
import { bytes, Settings } from "../config/Settings.ts"
import type { Happening } from "../observability/Happenings.ts"
import { faultOf } from "../storage/StorageFault.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import { Coalescing } from "./Coalescing.ts"
import { bytesOf, gapRecord, type JournalRecord, recordOf, seenFrom, type StoredRecord } from "./JournalRecord.ts"
import * as JournalTable from "./JournalTable.ts"
import { batchSize, type RecordSummary } from "./JournalTable.ts"
import * as Upkeep from "./Upkeep.ts"
import { type Pending, WriteBuffer } from "./WriteBuffer.ts"

/** The cursor names a record of another data directory, or none. */
export class CursorAhead extends Schema.TaggedError<CursorAhead>()("CursorAhead", {
  after: Schema.Int,
  newest: Schema.Int
}) {
  override get message(): string {
    return `the cursor ${this.after} is ahead of this journal, whose newest record is ${this.newest}: it belongs to `
      + "another data directory; read from 0, or from the newest"
  }
}

export interface JournalFilter {
  readonly subject?: string | undefined
  readonly type?: string | undefined
}

export interface ReadOptions extends JournalFilter {
  readonly after: number
  /** Goes on with what comes, with `call.progress` of a call joined for up to 100 ms. */
  readonly follow: boolean
}

/** After each commit, so that what comes close together shares one. */
const pauseAfterCommit = "20 millis"
const retryEvery = "5 seconds"
/** Newest records that are also in memory, so that who follows closely reads no disk. */
const maxTail = 200

export class Journal extends Context.Service<Journal, {
  /** Synchronous, never fails; the record is on disk some milliseconds later. */
  readonly append: (happening: Happening) => void
  /** The newest number on disk; 0 where there is none. */
  readonly newest: Effect.Effect<number>
  /** What is behind the cursor; gaps pass each filter. The cursor is looked at before there is a stream. */
  readonly open: (options: ReadOptions) => Effect.Effect<Stream.Stream<StoredRecord>, CursorAhead>
  /** Up to `limit` records, and the cursor to go on from. */
  readonly page: (options: JournalFilter & { readonly after: number; readonly limit: number }) => Effect.Effect<
    { readonly records: ReadonlyArray<StoredRecord>; readonly next: number; readonly newest: number },
    CursorAhead
  >
  /** Each record behind the cursor, then each that comes. Does not end. */
  readonly changes: (after: number) => Stream.Stream<JournalRecord, CursorAhead>
}>()("holdfast/journal/Journal") {
  static readonly layer = Layer.effect(Journal, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const { journal: { keep, maxBytes, maxRecords } } = yield* Settings
  const { supervise } = yield* Supervisor
  const clock = yield* Clock.Clock
  const table = yield* JournalTable.make
  const buffer = new WriteBuffer()
  const isWaiting = Latch.makeUnsafe(false)
  let given = table.start
  let newest = table.start
  /** All records behind `tailAfter`. */
  let tail: Array<StoredRecord> = []
  let tailAfter = table.start
  let committed = Deferred.makeUnsafe<void>()
  let isFailing = false

  const upkeep = yield* Upkeep.make(table, { keep, maxRecords, maxBytes: bytes(maxBytes) }, {
    cutOff: (to) => {
      tailAfter = Math.max(tailAfter, to)
      tail = tail.filter(({ seq }) => seq > to)
    },
    removed: (seqs) => {
      tail = tail.filter(({ seq }) => !seqs.has(seq))
    }
  })

  const became = (records: ReadonlyArray<StoredRecord>, summaries: ReadonlyArray<RecordSummary>): void => {
    newest = records.at(-1)?.seq ?? newest
    tail.push(...records)
    if (tail.length > maxTail) tailAfter = tail.splice(0, tail.length - maxTail).at(-1)?.seq ?? tailAfter
    const waited = committed
    committed = Deferred.makeUnsafe()
    Deferred.doneUnsafe(waited, Effect.void)
    upkeep.written(summaries)
  }

  /** One batch; whether it is on disk. */
  const write = Effect.gen(function*() {
    const batch = buffer.take(batchSize)
    const at = Math.floor(clock.currentTimeMillisUnsafe())
    const pending = withoutBegins(batch.records)
    const gap = batch.lost === undefined ? undefined : gapRecord({ ...batch.lost, at, why: "disk" })
    const records = [...gap === undefined ? [] : [gap], ...pending.map(stored)]
    const exit = yield* Effect.exit(table.append(records))
    if (Exit.isSuccess(exit)) {
      const payloads = [...gap === undefined ? [] : [batch.lost], ...pending.map(({ happening }) => happening.payload)]
      became(records, records.map((record, index) => summaryOf(record, payloads[index])))
      if (isFailing) yield* Effect.logInfo("the journal can be written again", { lost: batch.lost })
      isFailing = false
      return true
    }
    buffer.giveBack(batch)
    if (!isFailing) {
      const fault = Option.match(Exit.findErrorOption(exit), { onNone: () => "other", onSome: faultOf })
      yield* Effect.logWarning("the journal cannot be written; what happens meanwhile may be missing in it", { fault })
    }
    isFailing = true
    return false
  }).pipe(Effect.uninterruptible)

  const writeAll = Effect.gen(function*() {
    yield* isWaiting.await
    // Whatever else happens in this turn comes along.
    yield* Effect.yieldNow
    isWaiting.closeUnsafe()
    while (!buffer.isEmpty) {
      if (!(yield* write)) yield* Effect.sleep(retryEvery)
    }
    yield* Effect.sleep(pauseAfterCommit)
  })
  yield* supervise("journal-writer")(Effect.forever(writeAll))
  yield* supervise("journal-upkeep")(upkeep.run)
  // What the end of everything else said is written, too, where the disk takes it.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      let works = true
      while (works && !buffer.isEmpty) works = yield* write
      if (works) yield* Effect.ignore(table.close(newest))
    })
  )

  /** The next ones behind `seq`, from memory where they are there. */
  const next = (seq: number): Effect.Effect<ReadonlyArray<StoredRecord>> =>
    seq >= tailAfter
      ? Effect.sync(() => tail.filter((record) => record.seq > seq))
      : Effect.map(Effect.orDie(table.after(seq)), ([first, ...rest]) =>
        first === undefined ? [] : [seenFrom(first, seq), ...rest])

  const notAhead = (after: number): Effect.Effect<void, CursorAhead> =>
    Effect.suspend(() => after > newest ? Effect.fail(new CursorAhead({ after, newest })) : Effect.void)

  const open = ({ after, follow, ...filter }: ReadOptions): Effect.Effect<Stream.Stream<StoredRecord>, CursorAhead> =>
    Effect.map(notAhead(after), () => {
      const passes = passing(filter)
      const coalescing = new Coalescing(() => clock.currentTimeMillisUnsafe())
      return Stream.paginate(
        after,
        Effect.fnUntraced(function*(cursor: number) {
          // Taken first: what is committed while the disk is read is not missed.
          const more = committed
          const found = yield* next(cursor)
          const last = found.at(-1)
          if (last !== undefined) {
            const chosen = found.filter(passes)
            return [follow ? coalescing.add(chosen) : chosen, Option.some(last.seq)] as const
          }
          if (!follow) return [[], Option.none<number>()] as const
          const due = coalescing.dueIn
          if (due === undefined) yield* Deferred.await(more)
          else if (Option.isNone(yield* Effect.timeoutOption(Deferred.await(more), due))) {
            return [coalescing.flush(), Option.some(cursor)] as const
          }
          return [[], Option.some(cursor)] as const
        })
      )
    })

  return Journal.of({
    append: (happening) => {
      buffer.add({ seq: ++given, at: Math.floor(clock.currentTimeMillisUnsafe()), happening })
      isWaiting.openUnsafe()
    },
    newest: Effect.sync(() => newest),
    open,
    page: Effect.fnUntraced(function*({ after, limit, ...filter }) {
      yield* notAhead(after)
      const passes = passing(filter)
      const records: Array<StoredRecord> = []
      let cursor = after
      while (true) {
        const upTo = newest
        const found = yield* next(cursor)
        if (found.length === 0) return { records, next: Math.max(cursor, upTo), newest }
        for (const record of found) {
          if (records.length >= limit) return { records, next: cursor, newest }
          cursor = record.seq
          if (passes(record)) records.push(record)
        }
        // A filter that finds little reads much.
        yield* Effect.yieldNow
      }
    }),
    changes: (after) => Stream.map(Stream.unwrap(open({ after, follow: true })), recordOf)
  })
})

/**
 * Most calls are answered before their beginning is written. Then the answer says all of it, so that a quick call costs
 * one record and not two.
 */
const withoutBegins = (records: ReadonlyArray<Pending>): ReadonlyArray<Pending> => {
  const answered = new Set<string>()
  for (const { happening: { payload, type } } of records) if (type === "call.answered") answered.add(payload.call)
  return answered.size === 0 ?
    records :
    records.filter(({ happening: { payload, type } }) =>
      type !== "call.started" || payload.content !== undefined || !answered.has(payload.call)
    )
}

const stored = ({ at, happening: { payload, session, subject, type }, seq }: Pending): StoredRecord => ({
  seq,
  at,
  subject,
  session,
  type,
  payload: JSON.stringify(payload)
})

const summaryOf = (record: StoredRecord, payload: object = {}): RecordSummary => ({
  seq: record.seq,
  at: record.at,
  bytes: bytesOf(record),
  subject: record.subject,
  type: record.type,
  relay: "relay" in payload ? String(payload.relay) : null,
  call: "call" in payload ? String(payload.call) : null,
  from: "from" in payload ? Number(payload.from) : null
})

const passing = ({ subject, type }: JournalFilter) => (record: StoredRecord): boolean =>
  record.type === "gap"
  || ((subject === undefined || record.subject === subject) && (type === undefined || record.type === type))
