/** Kills the daemon before or after the commit of a step, by what SQLite is asked to do. */
import { hookSqlite, type SeenStatement } from "../../support/SqliteHook.ts"
import type { KillPoint } from "./KillPoint.ts"
import type { Step } from "./Place.ts"

const stepOf = ({ parameters, sql }: SeenStatement): Step | undefined => {
  if (sql.startsWith("INSERT INTO outbox")) {
    if (parameters.includes("inflight")) return "hand-over"
    return parameters.includes("dead") ? "unknown letter" : "enqueue"
  }
  if (sql.startsWith("UPDATE outbox SET state = 'inflight'")) return "claim"
  if (sql.includes("on_unknown = 'dead'")) return "recovery"
  if (sql.startsWith("UPDATE outbox SET told = 1")) return "telling"
  if (sql.startsWith("DELETE FROM outbox")) return "purge"
  return sql.startsWith("UPDATE outbox") && sql.includes("WHERE id = ? AND state = 'inflight'")
    ? "settlement"
    : undefined
}

export const killInSql = (killPoint: KillPoint): void => {
  const written = new Set<Step>()
  hookSqlite({
    before: ({ sql }) => {
      if (/^BEGIN/i.test(sql)) written.clear()
      if (/^COMMIT/i.test(sql)) { for (const step of written) killPoint.reach(`${step}, before its commit`) }
    },
    after: (statement) => {
      const step = stepOf(statement)
      if (step !== undefined) written.add(step)
      if (/^COMMIT/i.test(statement.sql)) { for (const each of written) killPoint.reach(`${each}, committed`) }
    }
  })
}
