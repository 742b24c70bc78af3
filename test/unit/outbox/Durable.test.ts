import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { keyed, submit } from "../../support/outbox/calls.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../support/outbox/outboxWith.ts"
import { hookSqlite } from "../../support/SqliteHook.ts"

/** What happened, in order: a commit that wrote so many entries, a call that was told that it is queued. */
const events = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const seen: Array<string> = []
      let entries = 0
      const unhook = hookSqlite({
        after: ({ sql }) => {
          if (sql.startsWith("INSERT INTO outbox")) entries++
          if (sql !== "COMMIT" || entries === 0) return
          seen.push(`committed ${entries}`)
          entries = 0
        }
      })
      return { seen, unhook }
    }),
    ({ unhook }) => Effect.sync(unhook)
  ),
  ({ seen }) => seen
)

const submitTelling = Effect.fnUntraced(function*(key: string, seen: Array<string>) {
  const { _tag } = yield* submit(keyed(key))
  seen.push(`told ${_tag.toLowerCase()}`)
})

describe("an acknowledgement", () => {
  it.effect("leaves after the commit, which has come to the disk when it returns", () =>
    Effect.gen(function*() {
      yield* (yield* FakeRelay).down
      const sql = yield* SqlClient.SqlClient
      // 2 is FULL (sqlite.org/pragma.html#pragma_synchronous): each commit syncs the write-ahead log.
      assert.deepStrictEqual(yield* sql`PRAGMA synchronous`.values, [[2]])
      assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
      const seen = yield* events
      yield* submitTelling("a", seen)
      yield* submitTelling("b", seen)
      assert.deepStrictEqual(seen, ["committed 1", "told queued", "committed 1", "told queued"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("of calls that arrive together waits for one commit that they share", () =>
    Effect.gen(function*() {
      yield* (yield* FakeRelay).down
      const seen = yield* events
      const keys = Array.from({ length: 100 }, (_key, index) => `k${index}`)
      yield* Effect.forEach(keys, (key) => submitTelling(key, seen), { concurrency: "unbounded" })
      assert.deepStrictEqual(seen, ["committed 100", ...keys.map(() => "told queued")])
    }).pipe(Effect.provide(outboxWith())))
})
