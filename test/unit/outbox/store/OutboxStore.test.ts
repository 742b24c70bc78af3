import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { AgentName, PrincipalId } from "../../../../src/domain/Ids.ts"
import { type EntryFilter, Outbox } from "../../../../src/outbox/Outbox.ts"
import { advance } from "../../../support/outbox/advance.ts"
import { keyed, queue, submit } from "../../../support/outbox/calls.ts"
import { FakeRelay, refuses } from "../../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../../support/outbox/outboxWith.ts"

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
  it.effect("lists by state and agent, page after page", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      const second = AgentName.make("second")
      const ids = (filter: EntryFilter) => Effect.map(outbox.list(filter), (entries) => entries.map(({ id }) => id))
      yield* relay.behave(refuses("no"))
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.up
      yield* advance("5 seconds")
      yield* relay.down
      yield* queue("c", "d")
      yield* submit(keyed("e", { agent: second }))
      yield* submit(keyed("f", { principal: PrincipalId.make("mallory") }))
      yield* advance("6 minutes")

      assert.deepStrictEqual(yield* ids({}), [1, 2, 3, 4, 5, 6])
      assert.deepStrictEqual(yield* ids({ state: "dead" }), [1, 2])
      assert.deepStrictEqual(yield* ids({ state: "pending" }), [3, 4, 5])
      assert.deepStrictEqual(yield* ids({ state: "held" }), [6])
      assert.deepStrictEqual(yield* ids({ agent: second }), [5])
      assert.deepStrictEqual(yield* ids({ state: "dead", agent: second }), [])
      assert.deepStrictEqual(yield* ids({ limit: 2 }), [1, 2])
      assert.deepStrictEqual(yield* ids({ limit: 2, after: 2 }), [3, 4])
      assert.deepStrictEqual(yield* ids({ state: "pending", limit: 2, after: 3 }), [4, 5])
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
