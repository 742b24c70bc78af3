import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { backup, DatabaseSync } from "node:sqlite"
import { AgentName } from "../../../../src/domain/Ids.ts"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { DeliveredBounds } from "../../../../src/outbox/store/DeliveredEntries.ts"
import { batchSize } from "../../../../src/outbox/store/OutboxStore.ts"
import { advance, idle } from "../../../support/outbox/advance.ts"
import { keyed, keysSent, queue, submit } from "../../../support/outbox/calls.ts"
import { answers, FakeRelay } from "../../../support/outbox/FakeRelay.ts"
import { databaseAt, outboxAt, outboxWith } from "../../../support/outbox/outboxWith.ts"
import { hookSqlite } from "../../../support/SqliteHook.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"

/** Of the database's file, free pages included; and of the write-ahead log. */
const pages = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const [[file] = []] = yield* sql`PRAGMA page_count`.values
  const [[, log] = []] = yield* sql`PRAGMA wal_checkpoint(PASSIVE)`.values
  return { file: Number(file), log: Number(log) }
})

const remember = (line: string) => `${line} ${"x".repeat(2_000)}`

describe("the outbox's file", () => {
  it.effect("stays as large as a day of it over a week", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      const perDay: Array<number> = []
      for (let day = 0; day < 7; day++) {
        for (let hour = 0; hour < 24; hour += 6) {
          yield* relay.down
          const keys = Array.from({ length: 40 }, (_entry, index) => remember(`${day} ${hour} ${index}`))
          yield* Effect.forEach(keys, (key) => submit(keyed(key)), { concurrency: "unbounded" })
          yield* relay.up
          yield* advance("6 hours")
        }
        const { file, log } = yield* pages
        perDay.push(file)
        // SQLite makes a checkpoint each 1,000 pages.
        assert.isBelow(log, 2_000)
        assert.isAtMost((yield* outbox.stats).delivered, 240)
      }
      assert.isAtMost(perDay[6] ?? Infinity, (perDay[1] ?? 0) * 1.1, perDay.join(" "))
    }).pipe(Effect.provide(outboxWith())), 120_000)

  it.effect("gives up what is old in commits of 200 rows, so that no call waits long for it", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      yield* Effect.provide(delivered(1_000), databaseAt(file))
      const perCommit: Array<number> = []
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          let purges = 0
          return hookSqlite({
            after: ({ sql }) => {
              if (sql.startsWith("DELETE FROM outbox")) purges++
              if (sql === "COMMIT" && purges > 0) perCommit.push(purges)
              if (sql === "COMMIT") purges = 0
            }
          })
        }),
        (unhook) => Effect.sync(unhook)
      )
      yield* Effect.gen(function*() {
        yield* advance("25 hours")
        assert.strictEqual((yield* (yield* Outbox).stats).delivered, 0)
      }).pipe(Effect.provide(outboxAt(file)))
      assert.deepStrictEqual(perCommit.slice(0, 5), [1, 1, 1, 1, 1])
      assert.strictEqual(batchSize, 200)
    }).pipe(Effect.provide(FakeRelay.layer)))
})

describe("what one agent has had delivered", () => {
  const bounds = { entries: 50, bytes: 20_000 }
  const other = AgentName.make("other")

  const few = Layer.provide(outboxWith(), Layer.succeed(DeliveredBounds, bounds))

  it.effect("stays up to a bound, the newest of it, and takes nothing of another's", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave(answers)
      yield* relay.up
      yield* submit(keyed("theirs", { agent: other }))
      for (let index = 0; index < 400; index++) yield* submit(keyed(`mine ${index}`))
      yield* idle
      assert.isAtMost((yield* outbox.stats).delivered, bounds.entries + 100 + 1)
      const before = yield* keysSent
      for (const call of [keyed("theirs", { agent: other }), keyed("mine 399")]) yield* submit(call)
      assert.deepStrictEqual(yield* keysSent, before, "they are answered as they were")
    }).pipe(Effect.provide(few)))

  it.effect("has a bound in bytes, too", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave(answers)
      yield* relay.up
      for (let index = 0; index < 150; index++) yield* submit(keyed(`${index} ${"x".repeat(4000)}`))
      yield* idle
      assert.isAtMost((yield* outbox.stats).delivered, 100 + 10)
    }).pipe(Effect.provide(few)))
})

/** Rows that were delivered when time began. */
const delivered = Effect.fnUntraced(function*(rows: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO outbox (seq, relay, agent, lane, tool, key, arguments_hash, state, request, bytes, principal, destination,
      on_unknown, occurred_at, queued_at, attempts, failures, visible_at, settled_at, result)
    SELECT i, 'default', 'default', 'default', 'relay_send_message', 'old ' || i, '', 'delivered', '{}', 2,
      'alice', 'http://relay.test/mcp', 'resend', 0, 0, 1, 0, 0, 0, '{}' FROM n`
})

describe("a backup of the database while it is in use", () => {
  it.effect("is whole: what was acknowledged before is in it, and is delivered from it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const file = `${directory}/h.db`
      const copy = `${directory}/copy.db`
      const relay = yield* FakeRelay
      yield* relay.down
      yield* Effect.gen(function*() {
        yield* queue(...Array.from({ length: 50 }, (_entry, index) => `before ${index}`))
        const writing = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 500 }, (_entry, index) => keyed(`during ${index}`)), submit)
        )
        yield* Effect.promise(async () => {
          const source = new DatabaseSync(file, { readOnly: true })
          await backup(source, copy, { rate: 5 })
          source.close()
        })
        yield* Fiber.join(writing)
      }).pipe(Effect.provide(outboxAt(file)))

      const db = new DatabaseSync(copy)
      assert.deepStrictEqual(db.prepare("PRAGMA integrity_check").all().map((row) => ({ ...row })), [
        { integrity_check: "ok" }
      ])
      db.close()
      yield* relay.behave(answers)
      yield* relay.up
      yield* Effect.gen(function*() {
        const { stats } = yield* Outbox
        for (let minute = 0; minute < 60 && (yield* stats).pending > 0; minute++) yield* advance("1 minute")
      }).pipe(Effect.provide(outboxAt(copy)))
      const sent = yield* keysSent
      assert.deepStrictEqual(sent.slice(0, 50), Array.from({ length: 50 }, (_entry, index) => `before ${index}`))
      // And of what came meanwhile, the first of it.
      assert.deepStrictEqual(sent.slice(50), sent.slice(50).map((_key, index) => `during ${index}`))
    }).pipe(Effect.provide(FakeRelay.layer)), 60_000)
})
