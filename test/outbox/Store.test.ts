import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Outbox } from "../../src/outbox/Outbox.ts"
import { advance } from "./advance.ts"
import { keyed, queue, submit } from "./calls.ts"
import { FakeRelay } from "./FakeRelay.ts"
import { outboxWith } from "./outboxWith.ts"

/** Pages written to the write-ahead log since the last time. */
const pagesWritten = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly log: number }>`PRAGMA wal_checkpoint(RESTART)`
  return row?.log ?? 0
})

/** Rows as a year of use may leave them behind, or a relay that was away for days. */
const filled = Effect.fnUntraced(function*(rows: number, state: "delivered" | "pending") {
  const sql = yield* SqlClient.SqlClient
  yield* sql`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO outbox (seq, relay, agent, lane, tool, key, arguments_hash, state, request, bytes, principal, destination,
      on_unknown, occurred_at, queued_at, attempts, failures, visible_at, settled_at, result)
    SELECT i, 'default', 'default', 'lane ' || (i % 100), 'relay_send_message', 'old ' || i, '', ${state}, '{}', 2,
      'alice', 'http://relay.test/mcp', 'resend', 0, 0, 1, 0, 0, 0, '{}' FROM n`
})

const realTime = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const now = TestClock.withLive(Clock.currentTimeMillis)
  const start = yield* now
  yield* effect
  return (yield* now) - start
})

describe("OutboxStore", () => {
  it.effect("writes entries that arrive together in one commit", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* pagesWritten
      yield* queue("alone")
      const alone = yield* pagesWritten
      const together = Array.from({ length: 100 }, (_, index) => keyed(`k${index}`))
      yield* Effect.forEach(together, submit, { concurrency: "unbounded" })
      // Each commit writes every page that it touched: a hundred of them would write a hundred times as many.
      assert.isBelow(yield* pagesWritten, alone * 10)
      assert.strictEqual((yield* (yield* Outbox).stats).pending, 101)
    }).pipe(Effect.provide(outboxWith())))

  it.effect("counts what the disk holds, whatever happened to it", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const sql = yield* SqlClient.SqlClient
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a", "b", "c", "d")
      yield* relay.principal("mallory")
      yield* advance("1 second")
      yield* outbox.retry([2])
      yield* outbox.discard([3], "not wanted")
      yield* relay.up
      yield* advance("1 second")
      const counted = yield* outbox.stats
      const [row] = yield* sql<
        { readonly bytes: number }
      >`SELECT SUM(bytes) AS bytes FROM outbox WHERE state <> 'delivered'`
      assert.strictEqual(counted.bytes, row?.bytes)
      assert.deepStrictEqual([counted.pending, counted.held, counted.delivered, counted.inflight], [0, 2, 1, 0])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("costs the same at 100,000 rows, to enqueue and to find the next head", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const work = (round: string) =>
        Effect.gen(function*() {
          yield* relay.down
          for (let index = 0; index < 50; index++) yield* submit(keyed(`${round} ${index}`))
          yield* relay.up
          yield* advance("1 second")
        })
      yield* work("warm")
      const small = yield* realTime(work("small"))
      yield* filled(100_000, "delivered")
      const delivered = yield* realTime(work("large"))
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE outbox SET state = 'dead' WHERE key LIKE 'old %'`
      const dead = yield* realTime(work("larger"))
      assert.isBelow(Math.max(delivered, dead), small * 5 + 100)
    }).pipe(Effect.provide(outboxWith())))
})
