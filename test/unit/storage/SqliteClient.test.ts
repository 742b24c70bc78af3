import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"

const Memory = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

describe("SqliteClient", () => {
  it.effect("rolls a failed transaction back and goes on", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER NOT NULL)`
      const exit = yield* Effect.exit(
        sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (1, 1)`, sql`INSERT INTO t VALUES (1, 2)`))
      )
      assert.strictEqual(exit._tag, "Failure")
      yield* sql`INSERT INTO t VALUES (1, 3)`
      assert.deepStrictEqual(yield* sql`SELECT at FROM t`.values, [[3]])
    }).pipe(Effect.provide(Memory)))

  it.effect("refuses a database that a newer version wrote", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO effect_sql_migrations (migration_id, name) VALUES (9999, 'future')`
      const error = yield* Effect.flip(Layer.build(Layer.fresh(Migrations.layer)))
      assert.strictEqual(error._tag, "NewerDatabase")
    }).pipe(Effect.provide(Memory)))
})
