import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE contexts (
    agent TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE TABLE context_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    cause TEXT NOT NULL,
    state TEXT NOT NULL
  ) STRICT`
  yield* sql`CREATE INDEX context_history_agent ON context_history (agent, id)`
})
