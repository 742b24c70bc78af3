/**
 * Statements whose text never changes, for the way of each call: SQLite prepares them once, and neither a template nor a
 * span costs anything. In a transaction they run on its connection.
 */
import { Context, Effect, Option } from "effect"
import type { SqlClient, SqlConnection, SqlError } from "effect/sql"

export type Prepared = <A extends object>(
  text: string,
  parameters: ReadonlyArray<string | number | null>
) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>

const onConnection = <A>(
  sql: SqlClient.SqlClient,
  use: (connection: SqlConnection.Connection) => Effect.Effect<A, SqlError.SqlError>
) =>
  Effect.withFiber<A, SqlError.SqlError>((fiber) => {
    const transaction = Context.getOption(fiber.context, sql.transactionService)
    return Option.isSome(transaction) ? use(transaction.value[0]) : Effect.scoped(Effect.flatMap(sql.reserve, use))
  })

export const preparedOn = (sql: SqlClient.SqlClient): Prepared => (text, parameters) =>
  onConnection(sql, (connection) => connection.execute(text, parameters, undefined))

/** Each row as the values of its columns, which costs less than half of an object where rows are many. */
export const valuesOn = (sql: SqlClient.SqlClient) => (text: string, parameters: ReadonlyArray<string | number>) =>
  onConnection(sql, (connection) => connection.executeValues(text, parameters))
