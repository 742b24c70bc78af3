/**
 * A stand-in for `@effect/sql-sqlite-node`, of which no release works with Effect 4.1: the same shape over
 * `node:sqlite`. The published package (4.0.0 or later) replaces this file in one line.
 *
 * One connection stands behind a semaphore, and statements are prepared once. `synchronous = FULL`: what is committed
 * survives a power cut. A COMMIT that fails is rolled back before the connection is used again.
 */
import { Effect, identity, Layer, Schedule, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"

export interface SqliteClientConfig {
  readonly filename: string
}

const failure = (operation: string) => (cause: unknown) =>
  new SqlError.SqlError({ reason: SqlError.classifySqliteError(withErrno(cause), { operation, message: operation }) })

/** `node:sqlite` names SQLite's result code `errcode`; the classifier looks for `errno`. */
const withErrno = (cause: unknown): unknown =>
  cause instanceof Error && "errcode" in cause ? Object.assign(cause, { errno: cause.errcode }) : cause

const openDatabase = (filename: string): DatabaseSync => {
  const db = new DatabaseSync(filename)
  try {
    db.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    // SQLite itself waits for no lock from here on: its waits would block the whole process.
    db.exec("PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 0")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/** Waits 5 s for a lock that another program holds, as for a backup. */
const lockRetries = Schedule.spaced("20 millis").pipe(Schedule.upTo({ times: 250 }))

const makeConnection = (db: DatabaseSync): SqlConnection.Connection => {
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = db.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  const run = <A>(sql: string, f: () => A) => {
    const once = Effect.try({ try: f, catch: failure(sql) })
    return Effect.catchIf(
      once,
      // In a transaction the lock is already ours.
      ({ reason }) => reason._tag === "LockTimeoutError" && !db.isTransaction,
      () => Effect.retry(once, { while: ({ reason }) => reason._tag === "LockTimeoutError", schedule: lockRetries })
    )
  }
  const rows = (statement: StatementSync, params: ReadonlyArray<unknown>) =>
    statement.all(...(params as ReadonlyArray<SQLInputValue>))
  const values = (statement: StatementSync, params: ReadonlyArray<unknown>) => {
    statement.setReturnArrays(true)
    try {
      const found: ReadonlyArray<unknown> = rows(statement, params)
      // Node's types know objects only.
      return found as ReadonlyArray<ReadonlyArray<unknown>>
    } finally {
      statement.setReturnArrays(false)
    }
  }

  return identity<SqlConnection.Connection>({
    execute: (sql, params, transformRows) =>
      run(sql, () => {
        const result = rows(prepared(sql), params)
        return transformRows === undefined ? result : transformRows(result)
      }),
    executeRaw: (sql, params) => run(sql, () => prepared(sql).run(...(params as ReadonlyArray<SQLInputValue>))),
    executeValues: (sql, params) => run(sql, () => values(prepared(sql), params)),
    executeValuesUnprepared: (sql, params) => run(sql, () => values(db.prepare(sql), params)),
    executeUnprepared: (sql, params, transformRows) =>
      run(sql, () => {
        const result = rows(db.prepare(sql), params)
        return transformRows === undefined ? result : transformRows(result)
      }),
    executeStream: (sql, params, transformRows) =>
      Stream.fromIterableEffect(run(sql, () => {
        const result = rows(prepared(sql), params)
        return transformRows === undefined ? result : transformRows(result)
      }))
  })
}

const make = Effect.fnUntraced(function*(config: SqliteClientConfig) {
  const db = yield* Effect.acquireRelease(
    Effect.try({ try: () => openDatabase(config.filename), catch: failure("open") }),
    (db) => Effect.sync(() => db.close())
  )
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(makeConnection(db)),
    semaphore: yield* Semaphore.make(1),
    isTransaction: () => db.isTransaction
  })
  return yield* SqlClient.make({
    ...acquirers,
    beginTransaction: "BEGIN IMMEDIATE",
    compiler: Statement.makeCompilerSqlite(),
    driver: "node-sqlite",
    prepareTransactionControls: true,
    spanAttributes: [["db.system.name", "sqlite"]]
  })
})

export const layer = (config: SqliteClientConfig): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(config)).pipe(Layer.provide(Reactivity.layer))
