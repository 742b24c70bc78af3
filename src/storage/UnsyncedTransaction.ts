/**
 * A transaction whose commit does not wait for the disk: the next one that does takes it along. A crash of the process
 * does not take it back, a power cut may. Only in a write-ahead log, where a power cut leaves the commits before it whole
 * (sqlite.org/pragma.html#pragma_synchronous); elsewhere it waits as any other.
 */
import { Effect, Exit, Schedule } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

const synchronous = { normal: 1 }

export const transactionWithoutSync = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const [mode] = yield* sql<{ readonly journal_mode: string }>`PRAGMA journal_mode`
  const [level] = yield* sql<{ readonly synchronous: number }>`PRAGMA synchronous`
  if (mode?.journal_mode !== "wal" || level === undefined || level.synchronous <= synchronous.normal) {
    return sql.withTransaction
  }
  return <A>(work: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
    Effect.scoped(Effect.gen(function*() {
      const connection = yield* sql.reserve
      // A PRAGMA acts when it is prepared.
      const run = (text: string) => connection.executeUnprepared(text, [], undefined)
      yield* run(`PRAGMA synchronous = ${synchronous.normal}`)
      const exit = yield* run("BEGIN IMMEDIATE").pipe(
        Effect.andThen(Effect.provideService(work, sql.transactionService, [connection, 0])),
        Effect.tap(() => run("COMMIT")),
        Effect.exit
      )
      // After some errors SQLite has rolled back already, and says so by an error.
      const rolledBack = Exit.isFailure(exit) ? Effect.ignore(run("ROLLBACK")) : Effect.void
      // Whatever comes next on this connection has to wait for the disk again. It is committed, whether or not this fails.
      // SQLite changes this in no transaction, so one that is still open is rolled back each time.
      const restored = Effect.andThen(rolledBack, run(`PRAGMA synchronous = ${level.synchronous}`))
      yield* Effect.retry(restored, Schedule.spaced("10 millis"))
      return yield* exit
    }))
})
