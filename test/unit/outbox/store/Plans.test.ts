import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { advance } from "../../../support/outbox/advance.ts"
import { agent, keyed, queue, submit } from "../../../support/outbox/calls.ts"
import { FakeRelay, refuses } from "../../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../../support/outbox/outboxWith.ts"
import { hookSqlite } from "../../../support/SqliteHook.ts"

/** By what SQLite finds rows: a row's id, one key, or an index of the few that are in such a state. */
const narrow = [
  /^SEARCH outbox USING INTEGER PRIMARY KEY \(rowid=\?\)$/,
  /^SEARCH outbox USING INDEX outbox_key \(relay=\? AND agent=\? AND tool=\? AND key=\?\)$/,
  /^SEARCH outbox USING (COVERING )?INDEX outbox_(apart|age|delivered) \(/
]

const everyStatement = Effect.gen(function*() {
  const relay = yield* FakeRelay
  const outbox = yield* Outbox
  yield* relay.down
  yield* queue("a", "b", "c", "d")
  yield* submit(keyed("a"))
  yield* relay.principal("mallory")
  yield* advance("1 second")
  yield* relay.principal("alice")
  yield* relay.behave(refuses("no"))
  yield* relay.up
  yield* advance("1 second")
  yield* relay.rotate
  yield* advance("10 minutes")
  yield* outbox.retry([1])
  yield* outbox.discard([2], "not wanted")
  yield* outbox.unreported(agent)
  yield* outbox.undelivered(agent)
  yield* outbox.deliveredOf(() => true)
  for (const state of ["dead", "held", "inflight"] as const) yield* outbox.list({ state, agent })
  yield* advance("8 days")
  yield* outbox.forget(agent)
})

describe("a statement of the outbox", () => {
  it.effect("looks at the rows that it is about, and at no others", () =>
    Effect.gen(function*() {
      const seen = new Set<string>()
      const unhook = hookSqlite({
        before: ({ sql }) => {
          if (/\boutbox\b/.test(sql) && /^(SELECT|UPDATE|DELETE)/.test(sql)) seen.add(sql)
        }
      })
      yield* Effect.provide(everyStatement, outboxWith()).pipe(Effect.ensuring(Effect.sync(unhook)))
      const sql = yield* SqlClient.SqlClient
      let looked = 0
      for (const text of seen) {
        const plan = yield* sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`)
        for (const { detail } of plan) {
          if (!/^(SCAN|SEARCH) outbox\b/.test(detail)) continue
          assert.isTrue(narrow.some((way) => way.test(detail)), `${detail}: ${text}`)
          looked++
        }
      }
      assert.isAbove(looked, 20)
    }).pipe(Effect.provide(outboxWith())))
})
