import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { DatabaseSync } from "node:sqlite"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const withFile = <A, E>(use: (file: string) => Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.flatMap(temporaryDirectory, (directory) => {
    const filename = `${directory}/h.db`
    return Effect.provide(use(filename), SqliteClient.layer({ filename }).pipe(Layer.fresh))
  })

/** Another program that writes, until it is told to end. */
const locked = (file: string) => {
  const other = new DatabaseSync(file)
  other.exec("BEGIN IMMEDIATE")
  return () => {
    other.exec("ROLLBACK")
    other.close()
  }
}

describe("a database that another program has locked", () => {
  it.live("is waited for, while everything else goes on", () =>
    withFile((file) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        const unlock = locked(file)
        const alone = yield* Effect.forkChild(sql`INSERT INTO t VALUES (1)`, { startImmediately: true })
        const before = yield* Clock.currentTimeMillis
        yield* Effect.sleep("100 millis")
        assert.isBelow((yield* Clock.currentTimeMillis) - before, 1_000)
        assert.isUndefined(alone.pollUnsafe())
        unlock()
        yield* Fiber.join(alone)
        const unlockAgain = locked(file)
        const together = yield* Effect.forkChild(sql.withTransaction(sql`INSERT INTO t VALUES (2)`))
        yield* Effect.sleep("100 millis")
        unlockAgain()
        yield* Fiber.join(together)
        assert.deepStrictEqual(yield* sql`SELECT id FROM t`.values, [[1], [2]])
      })
    ))

  it.live("is given up on after 5 s, and used again when it is free", () =>
    withFile((file) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        const unlock = locked(file)
        const before = yield* Clock.currentTimeMillis
        const error = yield* Effect.flip(sql.withTransaction(sql`INSERT INTO t VALUES (1)`))
        assert.strictEqual(error.reason._tag, "LockTimeoutError")
        assert.isAbove((yield* Clock.currentTimeMillis) - before, 4_500)
        unlock()
        yield* sql.withTransaction(sql`INSERT INTO t VALUES (1)`)
        assert.deepStrictEqual(yield* sql`SELECT id FROM t`.values, [[1]])
      })
    ), 20_000)
})
