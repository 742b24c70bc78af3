import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Calls whose agent was answered a task in the place of a result; `result` is the call in the table `results`, which has
 * how it stands and what came of it. A task that was cancelled stays without one.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    relay TEXT NOT NULL,
    agent TEXT NOT NULL,
    result INTEGER NOT NULL,
    called_at INTEGER NOT NULL,
    cancelled_at INTEGER
  ) STRICT`
  yield* sql`CREATE INDEX tasks_result ON tasks (result)`
  yield* sql`CREATE INDEX tasks_agent ON tasks (relay, agent)`
})
