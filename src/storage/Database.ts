/**
 * Opens the database of the data directory: locks it for this process, checks it, migrates it.
 *
 * Each failure is one error that says what to do. Nothing is ever deleted or repaired.
 */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { DaemonLock } from "./DaemonLock.ts"
import { DataDirectory } from "./DataDirectory.ts"
import * as Migrations from "./Migrations.ts"
import * as SqliteClient from "./SqliteClient.ts"
import { DatabaseUnusable, faultOf } from "./StorageFault.ts"

const name = "holdfast.db"

const innermost = (error: unknown): string =>
  error instanceof Error
    ? error.cause === undefined ? error.message : innermost(error.cause)
    : String(error)

const unusable = (file: string) => (error: unknown) =>
  new DatabaseUnusable({ file, fault: faultOf(error), detail: innermost(error) })

/** Reads each page once. That costs milliseconds a megabyte, and finds damage before it spreads. */
const check = Effect.fnUntraced(function*(file: string) {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ readonly quick_check: string }>`PRAGMA quick_check(1)`
  if (found?.quick_check !== "ok") {
    return yield* new DatabaseUnusable({ file, fault: "corrupt", detail: found?.quick_check ?? "no answer" })
  }
})

const open = Effect.gen(function*() {
  yield* DaemonLock
  const directory = yield* DataDirectory
  const file = directory.file(name)
  yield* directory.create(name)
  const said = unusable(file)
  return Migrations.layer.pipe(
    Layer.provideMerge(Layer.effectDiscard(check(file))),
    Layer.provideMerge(SqliteClient.layer({ filename: file })),
    Layer.catch((error) =>
      error._tag === "NewerDatabase" || error._tag === "DatabaseUnusable"
        ? Layer.effectContext(Effect.fail(error))
        : Layer.effectContext(Effect.fail(said(error)))
    )
  )
})

/** The client, ready. While it lives, no other daemon can use the directory. */
export const layer = Layer.unwrap(open).pipe(Layer.provide(DaemonLock.layer))

/**
 * For an embedding program: migrates the program's own SQLite client, which replaces the data directory's file. The
 * program answers for who else uses that database, and for its end.
 */
export const layerOf = <E, R>(client: Layer.Layer<SqlClient.SqlClient, E, R>) =>
  Migrations.layer.pipe(
    Layer.provideMerge(client),
    Layer.catch((error): Layer.Layer<SqlClient.SqlClient, DatabaseUnusable | Migrations.NewerDatabase> =>
      Layer.effectContext(
        Effect.fail(error instanceof Migrations.NewerDatabase ? error : unusable("the program's database")(error))
      )
    )
  )

/** In memory. The queue and all else end with the layer. */
export const layerMemory = layerOf(SqliteClient.layer({ filename: ":memory:" }))
