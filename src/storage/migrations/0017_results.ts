import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Calls of tools that are under way for a while, so that a crash can say so, and results whose agent was gone when they
 * came. `call` names the same call made again; `resume` says where the relay's stream can be read on, `resend` what
 * can be sent again under its key.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE results (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    relay TEXT NOT NULL,
    agent TEXT NOT NULL,
    tool TEXT NOT NULL,
    call TEXT,
    only_reads INTEGER NOT NULL,
    state TEXT NOT NULL,
    called_at INTEGER NOT NULL,
    ended_at INTEGER,
    told_at INTEGER,
    outbox_key TEXT,
    resume TEXT,
    resend TEXT,
    response TEXT,
    bytes INTEGER NOT NULL DEFAULT 0
  ) STRICT`
  yield* sql`CREATE INDEX results_agent ON results (relay, agent, id)`
})
