import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { newestSchema, schemaUpTo } from "../../support/olderDatabase.ts"

const database = SqliteClient.layer({ filename: ":memory:" })
const upgraded = Layer.build(Layer.fresh(Migrations.layer))

describe("an upgrade", () => {
  it.effect("forgets what was cached of relays when nobody noted their URLs, and keeps what is queued", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* schemaUpTo(10)
      const columns = (table: string) =>
        sql<{ readonly name: string; readonly type: string }>`SELECT name, type FROM pragma_table_info(${table})`
      for (const table of ["kept_lists", "kept_initialize"]) {
        const row = Object.fromEntries(
          (yield* columns(table)).map(({ name, type }) => [name, type === "INTEGER" ? 1 : "x"])
        )
        yield* sql`INSERT INTO ${sql(table)} ${sql.insert(row)}`
      }
      yield* sql`INSERT INTO agents (name, created_at) VALUES ('ada', 1)`
      yield* upgraded
      for (const table of ["kept_lists", "kept_initialize"]) {
        assert.deepStrictEqual(yield* sql`SELECT * FROM ${sql(table)}`, [])
        assert.include((yield* columns(table)).map(({ name }) => name), "url")
      }
      assert.strictEqual((yield* sql`SELECT 1 FROM agents WHERE name = 'ada'`).length, 1)
    }).pipe(Effect.provide(database)))

  it.effect("ends in the same schema from every version", () =>
    Effect.gen(function*() {
      const schemaFrom = (last: number) =>
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          if (last > 0) yield* schemaUpTo(last)
          yield* upgraded
          return yield* sql`SELECT name, sql FROM sqlite_master ORDER BY name`
        }).pipe(Effect.provide(Layer.fresh(database)))
      const expected = yield* schemaFrom(0)
      for (let last = 1; last < newestSchema; last++) {
        assert.deepStrictEqual(yield* schemaFrom(last), expected)
      }
    }))
})
