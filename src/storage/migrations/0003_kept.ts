import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE kept_lists (
    relay TEXT NOT NULL,
    agent TEXT NOT NULL,
    principal TEXT NOT NULL,
    protocol_version TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    method TEXT NOT NULL,
    result TEXT NOT NULL,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (relay, agent, principal, protocol_version, capabilities, method)
  ) STRICT`
  yield* sql`CREATE TABLE kept_initialize (
    relay TEXT PRIMARY KEY,
    result TEXT NOT NULL,
    fetched_at INTEGER NOT NULL
  ) STRICT`
})
