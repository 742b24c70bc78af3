import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { copyFileSync, statSync, truncateSync } from "node:fs"
import { advance } from "../../support/outbox/advance.ts"
import { keyed, keysSent, states, submit } from "../../support/outbox/calls.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { outboxAt } from "../../support/outbox/outboxWith.ts"
import { hookSqlite } from "../../support/SqliteHook.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** The database as a power cut leaves it that takes all with it that no commit has waited for. */
const powerCut = (file: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        let level = 2
        let inTransaction = false
        let synced = 0
        const unhook = hookSqlite({
          after: ({ sql }) => {
            const set = /^PRAGMA synchronous = (\d)/.exec(sql)
            if (set !== null) level = Number(set[1])
            if (sql.startsWith("BEGIN")) inTransaction = true
            if (sql === "COMMIT" || sql === "ROLLBACK") inTransaction = false
            // 2 is FULL: the commit has synced the write-ahead log, with all that is in it.
            if (level !== 2 || inTransaction || /^(SELECT|PRAGMA)/i.test(sql)) return
            synced = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? synced
          }
        })
        return { unhook, synced: () => synced }
      }),
      ({ unhook }) => Effect.sync(unhook)
    ),
    ({ synced }) =>
      Effect.sync(() => {
        const left = `${file}.left`
        copyFileSync(file, left)
        copyFileSync(`${file}-wal`, `${left}-wal`)
        truncateSync(`${left}-wal`, synced())
        return left
      })
  )

const twice = (key: string) => keyed(key, { declaresKey: true })
const once = (key: string) => keyed(key, { declaresKey: false })

const delivering = Effect.fnUntraced(function*(calls: ReadonlyArray<ReturnType<typeof keyed>>) {
  const relay = yield* FakeRelay
  yield* relay.down
  yield* Effect.forEach(calls, submit)
  yield* relay.up
  yield* advance("10 seconds")
})

describe("after a power cut", () => {
  it.effect("what may be sent twice is, in its order and under its key, and nothing else", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const cut = yield* powerCut(file)
      const left = yield* Effect.gen(function*() {
        yield* delivering([twice("a"), once("b"), twice("c"), once("d"), twice("e"), twice("f"), twice("g")])
        assert.isTrue((yield* states).every((state) => state.endsWith("delivered")))
        return yield* cut
      }).pipe(Effect.provide(outboxAt(file)))
      assert.deepStrictEqual(yield* keysSent, ["a", "b", "c", "d", "e", "f", "g"])

      yield* Effect.gen(function*() {
        yield* advance("10 seconds")
        assert.isTrue((yield* states).every((state) => state.endsWith("delivered")))
      }).pipe(Effect.provide(outboxAt(left)))
      // Whatever came before the settlement of "d", which was waited for, is known to be delivered.
      assert.deepStrictEqual((yield* keysSent).slice(7), ["e", "f", "g"])
    }).pipe(Effect.provide(FakeRelay.layer)))

  it.effect("what was acknowledged is there", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const cut = yield* powerCut(file)
      const left = yield* Effect.gen(function*() {
        yield* delivering([twice("a"), twice("b")])
        yield* (yield* FakeRelay).down
        yield* submit(twice("c"))
        return yield* cut
      }).pipe(Effect.provide(outboxAt(file)))
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* states, ["a delivered", "b delivered", "c pending"])
      }).pipe(Effect.provide(outboxAt(left)))
    }).pipe(Effect.provide(FakeRelay.layer)))
})

describe("a delivery whose commit and rollback fail", () => {
  it.effect("holds the disk up for nobody: it is tried again, and so is the wait for the disk", () =>
    Effect.gen(function*() {
      let level = 2
      const failed: Array<string> = []
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          hookSqlite({
            before: ({ sql }) => {
              const set = /^PRAGMA synchronous = (\d)/.exec(sql)
              if (set !== null) level = Number(set[1])
              if (level === 2 || failed.includes(sql) || !["COMMIT", "ROLLBACK"].includes(sql)) return
              failed.push(sql)
              throw Object.assign(new Error("i/o error"), { code: "ERR_SQLITE_ERROR", errcode: 10 })
            }
          })
        ),
        (unhook) => Effect.sync(unhook)
      )
      yield* Effect.gen(function*() {
        yield* delivering([twice("a")])
        for (let second = 0; second < 10; second++) yield* advance("1 second")
        assert.deepStrictEqual(failed, ["COMMIT", "ROLLBACK"])
        assert.deepStrictEqual(yield* states, ["a delivered"])
        assert.deepStrictEqual(yield* keysSent, ["a"])
      }).pipe(Effect.provide(outboxAt(`${yield* temporaryDirectory}/h.db`)))
    }).pipe(Effect.scoped, Effect.provide(FakeRelay.layer)))
})
