/** Stands between the code under test and SQLite: sees every statement with its parameters, before and after it ran. */
import { StatementSync } from "node:sqlite"

export interface SeenStatement {
  readonly sql: string
  readonly parameters: ReadonlyArray<unknown>
}

export interface SqliteHook {
  /** What it throws is what SQLite would have said: the statement does not run. */
  readonly before?: (statement: SeenStatement) => void
  /** What it throws comes in the place of the statement's result. */
  readonly after?: (statement: SeenStatement) => void
}

const methods = ["all", "run", "get"] as const

/** In this process, for every database, until the function that it returns is called. */
export const hookSqlite = ({ after, before }: SqliteHook): () => void => {
  const undo = methods.map((name) => {
    const original = StatementSync.prototype[name]
    const put = (value: unknown) =>
      Object.defineProperty(StatementSync.prototype, name, { value, configurable: true, writable: true })
    put(function(this: StatementSync, ...parameters: ReadonlyArray<unknown>): unknown {
      const statement = { sql: this.sourceSQL, parameters }
      before?.(statement)
      const result: unknown = Reflect.apply(original, this, parameters)
      after?.(statement)
      return result
    })
    return () => put(original)
  })
  return () => {
    for (const each of undo) each()
  }
}
