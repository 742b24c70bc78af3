import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** `initialize`, `roots`, `log_level` and each line of `subscriptions` are the JSON-RPC texts as the agent sent them. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    relay TEXT NOT NULL,
    agent TEXT NOT NULL,
    initialize TEXT NOT NULL,
    protocol_version TEXT NOT NULL,
    roots TEXT,
    log_level TEXT,
    subscriptions TEXT NOT NULL DEFAULT '[]',
    fingerprint TEXT,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE INDEX sessions_used ON sessions (used_at)`
})
