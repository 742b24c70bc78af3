import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Database from "../../../src/storage/Database.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { DatabaseUnusable, faultOf } from "../../../src/storage/StorageFault.ts"
import { newestSchema } from "../../support/olderDatabase.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const database = (path: string) => Database.layer.pipe(Layer.provide(DataDirectory.layerAt(path)))

const write = (path: string, agent: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`INSERT INTO agents (name, created_at) VALUES (${agent}, 0)`
  ).pipe(Effect.provide(database(path)))

const agents = (path: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT name FROM agents ORDER BY name`.values).pipe(
    Effect.provide(database(path))
  )

const thrown = (f: () => void): unknown => {
  try {
    f()
  } catch (cause) {
    return cause
  }
  return undefined
}

describe("Database", () => {
  it.effect("keeps what was written, in files that only this user may read", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* write(path, "a")
      yield* write(path, "b")
      assert.deepStrictEqual(yield* agents(path), [["a"], ["b"], ["default"]])
      yield* Effect.gen(function*() {
        yield* SqlClient.SqlClient
        const modes = readdirSync(path).map((name) => [name, (statSync(join(path, name)).mode & 0o777).toString(8)])
        assert.deepStrictEqual(modes, [
          ["holdfast.db", "600"],
          ["holdfast.db-shm", "600"],
          ["holdfast.db-wal", "600"],
          ["lock.db", "600"]
        ])
      }).pipe(Effect.provide(database(path)))
    }))

  it.effect("refuses a damaged file, says how to keep it, and leaves it as it was", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* Effect.forEach(Array.from({ length: 500 }, (_, n) => `agent-${n}`), (agent) =>
        Effect.flatMap(SqlClient.SqlClient, (sql) =>
          sql`INSERT INTO agents (name, created_at) VALUES (${agent}, 0)`))
        .pipe(Effect.provide(database(path)))
      const file = join(path, "holdfast.db")
      const damaged = readFileSync(file)
      damaged.fill(0x5a, damaged.length - 3 * 4096)
      writeFileSync(file, damaged)

      const error = yield* Effect.flip(agents(path))
      assert.instanceOf(error, DatabaseUnusable)
      assert.include(error.message, "Nothing was deleted")
      assert.include(error.message, "holdfast.db.damaged")
      assert.deepStrictEqual(readFileSync(file), damaged)
    }))

  it.effect("refuses a file that is no database, and leaves it as it was", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const file = join(path, "holdfast.db")
      writeFileSync(file, "not a database, but somebody's notes ".repeat(100))
      const error = yield* Effect.flip(agents(path))
      assert.include(error.message, "is damaged")
      assert.include(readFileSync(file, "utf8"), "somebody's notes")
    }))

  it.effect("refuses one that a newer version wrote, says how to go on, and leaves it as it was", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* write(path, "a")
      const file = join(path, "holdfast.db")
      const db = new DatabaseSync(file)
      db.exec("INSERT INTO effect_sql_migrations (migration_id, name) VALUES (9999, 'future')")
      db.exec("CREATE TABLE outbox_of_the_future (x)")
      db.close()
      const before = readFileSync(file)
      const error = yield* Effect.flip(agents(path))
      for (const words of ["a newer Holdfast", "schema 9999", `knows ${newestSchema}`, "--data-dir"]) {
        assert.include(error.message, words)
      }
      assert.isTrue(readFileSync(file).equals(before))
    }))

  it.effect("says that a second daemon is running", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* Layer.build(database(path))
      assert.strictEqual((yield* Effect.flip(agents(path)))._tag, "DaemonRunning")
    }))

  it.effect("knows a full and a read-only disk by SQLite's own errors", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryDirectory, "t.db")
      const db = new DatabaseSync(file)
      db.exec("CREATE TABLE t (x); PRAGMA max_page_count = 3")
      const full = thrown(() => db.exec(`INSERT INTO t VALUES ('${"x".repeat(100_000)}')`))
      const readOnly = thrown(() => new DatabaseSync(file, { readOnly: true }).exec("INSERT INTO t VALUES (1)"))
      db.close()
      assert.strictEqual(faultOf({ _tag: "MigrationError", cause: { reason: { cause: full } } }), "full")
      assert.strictEqual(faultOf({ reason: { cause: readOnly } }), "read-only")
      for (const fault of ["full", "read-only", "denied", "busy"] as const) {
        assert.notInclude(new DatabaseUnusable({ file, fault, detail: "never shown" }).message, "never shown")
      }
    }))
})
