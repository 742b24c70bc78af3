/**
 * The database of the data directory: locked for this process, checked, and migrated, before anything else uses it.
 *
 * Each way in which that can fail is one error that says what to do. Nothing is ever deleted or repaired.
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

/** Reads each page once, which costs milliseconds a megabyte and finds damage before it spreads. */
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

/** The client, ready; while it lives no other daemon can use the directory. */
export const layer = Layer.unwrap(open).pipe(Layer.provide(DaemonLock.layer))

/**
 * For an embedding program: its own SQLite client, migrated, in the place of the data directory's file. Who else uses
 * that database, and whether it outlives the process, is the program's business.
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

/** In memory: gone with the layer, and with it whatever was queued. */
export const layerMemory = layerOf(SqliteClient.layer({ filename: ":memory:" }))
