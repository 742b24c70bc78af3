import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Journal } from "../../../src/journal/Journal.ts"
import type { StoredRecord } from "../../../src/journal/JournalRecord.ts"
import type { Happening } from "../../../src/observability/Happenings.ts"
import { journalOver } from "../../support/journal.ts"
import { temporaryFile } from "../../support/journal.ts"
import { hookSqlite } from "../../support/SqliteHook.ts"

const call = (tool: string): Happening => ({
  type: "call.started",
  subject: "agent/default",
  session: "s",
  payload: { relay: "default", call: tool, tool }
})

const names = (records: ReadonlyArray<StoredRecord>) =>
  records.map(({ payload, type }) => type === "gap" ? payload : JSON.parse(payload).tool)

const written = TestClock.adjust("100 millis")

const append = Effect.fnUntraced(function*(...tools: ReadonlyArray<string>) {
  const journal = yield* Journal
  for (const tool of tools) journal.append(call(tool))
  yield* written
})

const replay = Effect.fnUntraced(function*(after: number) {
  const journal = yield* Journal
  return yield* Stream.runCollect(yield* journal.open({ after, follow: false }))
})

describe("Journal", () => {
  it.effect("gives what is behind a cursor, once and in order, and then what comes", () =>
    Effect.gen(function*() {
      yield* append("a", "b", "c")
      const journal = yield* Journal
      const followed = yield* journal.open({ after: 1, follow: true }).pipe(
        Effect.flatMap((records) => Stream.runCollect(Stream.take(records, 4))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* append("d", "e")
      const records = yield* Fiber.join(followed)
      assert.deepStrictEqual(names(records), ["b", "c", "d", "e"])
      assert.deepStrictEqual(records.map(({ seq }) => seq), [2, 3, 4, 5])
    }).pipe(Effect.provide(journalOver(temporaryFile()))))

  it.effect("has one record of a call that is answered before its beginning is written, else two", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      const answer = (tool: string): Happening => ({
        type: "call.answered",
        subject: "agent/default",
        session: "s",
        payload: { relay: "default", call: tool, tool, outcome: "answered", millis: 1 }
      })
      yield* append("slow")
      journal.append(call("quick"))
      journal.append(answer("quick"))
      journal.append(answer("slow"))
      yield* written
      const types = (yield* replay(0)).map(({ payload, type }) => `${JSON.parse(payload).tool} ${type}`)
      assert.deepStrictEqual(types, ["slow call.started", "quick call.answered", "slow call.answered"])
    }).pipe(Effect.provide(journalOver(temporaryFile()))))

  it.effect("goes on over a restart, with numbers that no record has had", () => {
    const file = temporaryFile()
    return Effect.gen(function*() {
      yield* append("a", "b").pipe(Effect.provide(journalOver(file)))
      yield* Effect.gen(function*() {
        yield* append("c")
        const records = yield* replay(0)
        assert.deepStrictEqual(names(records), ["a", "b", "c"])
        assert.deepStrictEqual(records.map(({ seq }) => seq), [1, 2, 3])
      }).pipe(Effect.provide(journalOver(file)))
    })
  })

  it.effect("refuses a cursor that is ahead, and names the newest", () =>
    Effect.gen(function*() {
      yield* append("a")
      const journal = yield* Journal
      const error = yield* Effect.flip(journal.open({ after: 2, follow: true }))
      assert.deepInclude(error, { after: 2, newest: 1 })
    }).pipe(Effect.provide(journalOver(temporaryFile()))))

  it.effect("puts a gap in the place of what retention removed, with the reader's own bounds", () =>
    Effect.gen(function*() {
      const tools = Array.from({ length: 60 }, (_, index) => `t${index + 1}`)
      yield* append(...tools)
      yield* TestClock.adjust("10 seconds")
      const records = yield* replay(7)
      const [gap, ...rest] = records
      assert.strictEqual(gap?.type, "gap")
      const to = gap?.seq ?? 0
      assert.deepStrictEqual(JSON.parse(gap?.payload ?? ""), { from: 8, to, why: "retention" })
      assert.deepStrictEqual(names(rest), tools.slice(to))
      assert.isAtMost(records.length, 51)
      // A reader behind the gap never hears of it.
      assert.deepStrictEqual(names(yield* replay(to)), tools.slice(to))
    }).pipe(Effect.provide(journalOver(temporaryFile(), { maxRecords: 50 }))))

  it.effect("removes what is older than it is to keep", () =>
    Effect.gen(function*() {
      yield* append("a", "b")
      yield* TestClock.adjust("2 hours")
      yield* append("c")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(names(yield* replay(0)), [`{"from":1,"to":2,"why":"retention"}`, "c"])
    }).pipe(Effect.provide(journalOver(temporaryFile(), { keep: "1 hour" }))))

  it.effect("while the disk is full keeps what its buffer holds, and says what was lost once the disk is well", () =>
    Effect.gen(function*() {
      yield* append("a")
      let isFull = true
      const undo = hookSqlite({
        before: ({ sql }) => {
          if (isFull && sql.includes("INSERT INTO journal")) {
            throw Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR", errcode: 13 })
          }
        }
      })
      yield* Effect.addFinalizer(() => Effect.sync(undo))
      const many = Array.from({ length: 12_000 }, (_, index) => `t${index}`)
      yield* append(...many)
      assert.deepStrictEqual(names(yield* replay(0)), ["a"])
      isFull = false
      yield* TestClock.adjust("10 seconds")
      const [first, gap, ...rest] = yield* replay(0)
      assert.strictEqual(first?.seq, 1)
      const { from, to, why } = JSON.parse(gap?.payload ?? "")
      assert.deepStrictEqual({ from, why, seq: gap?.seq }, { from: 2, why: "disk", seq: to })
      assert.isAbove(rest.length, 10_000)
      assert.deepStrictEqual(rest.map(({ seq }) => seq), rest.map((_, index) => to + 1 + index))
      assert.strictEqual(rest.at(-1)?.seq, 12_001)
    }).pipe(Effect.provide(journalOver(temporaryFile()))))

  it.effect("gives pages, and the cursor to go on from", () =>
    Effect.gen(function*() {
      yield* append("a", "b", "c")
      const journal = yield* Journal
      const one = yield* journal.page({ after: 0, limit: 2 })
      assert.deepInclude({ ...one, records: names(one.records) }, { records: ["a", "b"], next: 2, newest: 3 })
      const two = yield* journal.page({ after: one.next, limit: 2, subject: "agent/default" })
      assert.deepInclude({ ...two, records: names(two.records) }, { records: ["c"], next: 3, newest: 3 })
      const none = yield* journal.page({ after: 0, limit: 2, type: "link.up" })
      assert.deepInclude(none, { records: [], next: 3 })
    }).pipe(Effect.provide(journalOver(temporaryFile()))))
})
