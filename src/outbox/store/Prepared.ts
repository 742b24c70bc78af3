/**
 * Statements whose text never changes, for the way of each call: SQLite prepares them once, and neither a template nor a
 * span costs anything. In a transaction they run on its connection.
 */
import { Context, Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

export type Prepared = <A extends object>(
  text: string,
  parameters: ReadonlyArray<string | number | null>
) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>

export const preparedOn = (sql: SqlClient.SqlClient): Prepared => (text, parameters) =>
  Effect.withFiber((fiber) => {
    const transaction = Context.getOption(fiber.context, sql.transactionService)
    return Option.isSome(transaction)
      ? transaction.value[0].execute(text, parameters, undefined)
      : Effect.scoped(Effect.flatMap(sql.reserve, (connection) => connection.execute(text, parameters, undefined)))
  })
