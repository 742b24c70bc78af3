/** Readers of a journal on a real file, while it is written: killed, resumed, overtaken, stalled. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Option, Stream } from "effect"
import { Journal } from "../../../src/journal/Journal.ts"
import { gapBounds, type StoredRecord } from "../../../src/journal/JournalRecord.ts"
import type { Happening } from "../../../src/observability/Happenings.ts"
import { heapInUse } from "../../support/collectGarbage.ts"
import { depth } from "../../support/depth.ts"
import { Dice } from "../../support/Dice.ts"
import { eventually } from "../../support/eventually.ts"
import { journalOver, temporaryFile } from "../../support/journal.ts"

const all = depth({ short: 20_000, drill: 100_000 })

const happening = (index: number): Happening => ({
  type: "call.started",
  subject: `agent/${index % 3}`,
  session: undefined,
  payload: { relay: "default", call: String(index), tool: "echo" }
})

/** In bursts, with turns for others between them, and never so far ahead of the disk that the buffer is full. */
const writeAll = Effect.gen(function*() {
  const journal = yield* Journal
  for (let index = 1; index <= all; index++) {
    journal.append(happening(index))
    if (index % 500 === 0) yield* Effect.sleep("1 millis")
    if (index % 2_500 === 0) yield* eventually("the disk", journal.newest, (newest) => newest > index - 5_000)
  }
})

const callOf = ({ payload }: StoredRecord): string => JSON.parse(payload).call

describe("a reader of the journal", () => {
  it.live(
    "that is killed and resumed at its cursor again and again has each record once, in order",
    () =>
      Effect.gen(function*() {
        const journal = yield* Journal
        const dice = new Dice("killed readers")
        const writing = yield* Effect.forkChild(writeAll)
        const read: Array<StoredRecord> = []
        const cursor = () => read.at(-1)?.seq ?? 0
        while (cursor() < all) {
          const records = yield* journal.open({ after: cursor(), follow: true })
          const lives = dice.between(1, 4_000)
          // It dies with what it has taken, or with nothing for a while.
          yield* Stream.take(records, lives).pipe(
            Stream.runForEach((record) =>
              Effect.sync(() => {
                read.push(record)
              })
            ),
            Effect.timeoutOption(dice.of(["5 millis", "50 millis", "500 millis"]))
          )
        }
        yield* Fiber.join(writing)
        assert.strictEqual(read.length, all)
        assert.isTrue(read.every(({ seq }, index) => seq === index + 1))
        assert.isTrue(read.every((record, index) => callOf(record) === String(index + 1)))
      }).pipe(Effect.provide(journalOver(temporaryFile()))),
    300_000
  )

  it.live(
    "that stalls costs no memory, and hears in one gap of what retention removed meanwhile",
    () =>
      Effect.gen(function*() {
        const journal = yield* Journal
        const read: Array<StoredRecord> = []
        const hasOne = yield* Latch.make(false)
        const goOn = yield* Latch.make(false)
        const reading = yield* journal.open({ after: 0, follow: true }).pipe(
          Effect.map(Stream.takeUntil(({ seq }) => seq === all + 1)),
          Effect.flatMap(Stream.runForEach((record) =>
            Effect.gen(function*() {
              read.push(record)
              yield* hasOne.open
              yield* goOn.await
            })
          )),
          Effect.forkChild
        )
        journal.append(happening(1))
        yield* hasOne.await
        const before = heapInUse()
        yield* writeAll
        // Retention looks once a second.
        const isCut = Effect.map(journal.page({ after: 0, limit: 1 }), ({ records: [first] }) => first?.type === "gap")
        yield* eventually("the cut", isCut, (cut) => cut)
        yield* eventually("the last record", journal.newest, (newest) => newest > all)
        assert.isBelow(heapInUse() - before, 16 * 1024 * 1024)
        assert.strictEqual(read.length, 1)
        yield* goOn.open
        yield* Fiber.join(reading)
        const gaps = read.filter(({ type }) => type === "gap")
        // What was taken from the journal before the reader stalled is still its own.
        const at = read.findIndex(({ type }) => type === "gap")
        const last = read[at - 1]?.seq ?? 0
        const gap = Option.fromUndefinedOr(gaps[0])
        assert.isTrue(Option.isSome(gap))
        if (Option.isSome(gap)) {
          assert.deepStrictEqual(gapBounds(gap.value.payload), { from: last + 1, why: "retention" })
          assert.strictEqual(read[at + 1]?.seq, gap.value.seq + 1)
        }
        assert.isTrue(read.every(({ seq }, index) => index === 0 || seq > (read[index - 1]?.seq ?? 0)))
      }).pipe(Effect.provide(journalOver(temporaryFile(), { maxRecords: 2_000 }))),
    300_000
  )
})
