/**
 * Statements whose text never changes, for the way of each call: SQLite prepares them once, and neither a template nor a
 * span costs anything. In a transaction they run on its connection.
 */
import { Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

export type Prepared = <A extends object>(
  text: string,
  parameters: ReadonlyArray<string | number | null>
) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>

export const preparedOn = (sql: SqlClient.SqlClient): Prepared => (text, parameters) =>
  Effect.flatMap(
    Effect.serviceOption(sql.transactionService),
    Option.match({
      onSome: ([connection]) => connection.execute(text, parameters, undefined),
      onNone: () =>
        Effect.scoped(
          Effect.flatMap(sql.reserve, (connection) => connection.execute(text, parameters, undefined))
        )
    })
  )
