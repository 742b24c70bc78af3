/**
 * Keeps the journal within its bounds, in batches: compacts what came, and removes the oldest records where there are
 * too many, too large or too old ones.
 *
 * It reads the journal once from its beginning, is told what is written from then on, and so knows how much there is.
 */
import { Clock, Duration, Effect, Latch } from "effect"
import { Compaction } from "./Compaction.ts"
import { bytesOf, gapRecord } from "./JournalRecord.ts"
import { batchSize, type JournalTable, type RecordSummary } from "./JournalTable.ts"

export interface Bounds {
  readonly keep: Duration.Duration
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Between two looks at what came. */
const pause = "1 second"
/** What is too old is looked for without anything that came. */
const idlePause = "5 minutes"

export interface Upkeep {
  /** They are on disk, in order. */
  readonly written: (records: ReadonlyArray<RecordSummary>) => void
  readonly run: Effect.Effect<never>
}

export const make = Effect.fnUntraced(function*(
  table: JournalTable,
  { keep, maxBytes, maxRecords }: Bounds,
  { cutOff, removed }: {
    /** All up to this number is gone. */
    readonly cutOff: (to: number) => void
    readonly removed: (seqs: ReadonlySet<number>) => void
  }
) {
  const came = yield* Latch.make(true)
  const keepMillis = Duration.toMillis(keep)
  const compaction = new Compaction()
  let seen = 0
  /** All that is on disk has been read. */
  let isCaughtUp = false
  let newest = 0
  let records = 0
  let bytes = 0
  /** To be removed; what a failing disk keeps is removed later. */
  const superfluous: Array<number> = []

  const see = (record: RecordSummary): void => {
    if (record.seq <= seen) return
    records++
    bytes += record.bytes
    seen = record.seq
    for (const seq of compaction.see(record)) superfluous.push(seq)
  }

  const compact = Effect.gen(function*() {
    while (true) {
      const found = isCaughtUp ? [] : yield* table.summaries(seen)
      found.forEach(see)
      while (superfluous.length > 0) {
        const gone = superfluous.slice(0, batchSize)
        const bytesGone = yield* table.remove(gone)
        removed(new Set(gone))
        superfluous.splice(0, gone.length)
        records -= bytesGone.length
        bytes -= sum(bytesGone)
      }
      if (found.length === 0) {
        isCaughtUp ||= seen >= newest
        return
      }
      yield* Effect.yieldNow
    }
  })

  /** Of the oldest ones, those that are to go. A gap at the head goes only with what is behind it. */
  const surplus = (oldest: ReadonlyArray<RecordSummary>, now: number): ReadonlyArray<RecordSummary> => {
    const isOver = records > maxRecords || bytes > maxBytes
    let left = records
    let size = bytes
    let count = 0
    for (const record of oldest) {
      const isTooMany = isOver && (left > maxRecords - spare(maxRecords) || size > maxBytes - spare(maxBytes))
      const isOld = record.at < now - keepMillis
      const isHeadGap = count === 0 && record.type === "gap"
      if (record.seq > seen || !(isTooMany || isOld || isHeadGap)) break
      count++
      left--
      size -= record.bytes
    }
    return count === 1 && oldest[0]?.type === "gap" ? [] : oldest.slice(0, count)
  }

  const retain = Effect.gen(function*() {
    while (true) {
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const gone = surplus(yield* table.summaries(0), now)
      const [first] = gone
      const last = gone.at(-1)
      if (first === undefined || last === undefined) return
      const gap = { at: now, from: first.from ?? first.seq, to: last.seq, why: "retention" as const }
      yield* table.cutOff(gap)
      cutOff(gap.to)
      records += 1 - gone.length
      bytes += bytesOf(gapRecord(gap)) - sum(gone.map((record) => record.bytes))
      yield* Effect.yieldNow
    }
  })

  const look = Effect.andThen(compact, retain).pipe(
    // A disk that fails is the writer's to report.
    Effect.catchTag("SqlError", () => Effect.void)
  )

  const upkeep: Upkeep = {
    written: (written) => {
      newest = written.at(-1)?.seq ?? newest
      if (isCaughtUp) written.forEach(see)
      came.openUnsafe()
    },
    run: Effect.timeoutOption(came.await, idlePause).pipe(
      Effect.andThen(Effect.sleep(pause)),
      Effect.andThen(came.close),
      Effect.andThen(look),
      Effect.forever
    )
  }
  return upkeep
})

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, each) => sum + each, 0)

/** Where a bound is passed so much more goes, so that it is not passed again with the next record. */
const spare = (bound: number): number => Math.min(batchSize, Math.floor(bound / 10))
