import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE agents (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE TABLE agent_secrets (
    hash TEXT PRIMARY KEY,
    agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
  ) STRICT`
})
