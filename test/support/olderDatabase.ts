/** Databases as older versions wrote them: by the migrations that those had. */
import { Effect } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import { readdirSync } from "node:fs"
import * as SqliteClient from "../../src/storage/SqliteClient.ts"

type Migration = Effect.Effect<void, unknown, SqlClient.SqlClient>

const folder = new URL("../../src/storage/migrations/", import.meta.url)
const names = readdirSync(folder).sort()

/** The number of the last migration. */
export const newestSchema = names.length

/** The schema as the version wrote it whose last migration was `last`. */
export const schemaUpTo = Effect.fnUntraced(function*(last: number) {
  const steps: Record<string, Migration> = {}
  for (const name of names.filter((name) => Number.parseInt(name, 10) <= last)) {
    const step: { readonly default: Migration } = yield* Effect.promise(() => import(new URL(name, folder).href))
    steps[name.replace(/\.ts$/, "")] = step.default
  }
  yield* Migrator.make({})({ loader: Migrator.fromRecord(steps) })
})

/** At `filename`, with the rows of the newer one at `from`, as far as an older version had tables and columns for them. */
export const olderDatabase = Effect.fnUntraced(function*(_filename: string, last: number, from: string) {
  const sql = yield* SqlClient.SqlClient
  yield* schemaUpTo(last)
  yield* sql`ATTACH ${from} AS newer`
  const tables = yield* sql<{ readonly name: string }>`SELECT name FROM main.sqlite_master WHERE type = 'table'
    AND name NOT LIKE 'sqlite_%' AND name <> 'effect_sql_migrations'`
  for (const { name } of tables) {
    const columns = yield* sql<{ readonly name: string }>`SELECT name FROM pragma_table_info(${name}, 'main')
      INTERSECT SELECT name FROM pragma_table_info(${name}, 'newer')`
    const list = sql.literal(columns.map(({ name }) => `"${name}"`).join(", "))
    yield* sql`INSERT OR REPLACE INTO main.${sql(name)} (${list}) SELECT ${list} FROM newer.${sql(name)}`
  }
  yield* sql`DETACH newer`
}, (effect, filename) => Effect.provide(effect, SqliteClient.layer({ filename })))
