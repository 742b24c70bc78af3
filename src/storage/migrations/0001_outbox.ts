import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** `seq` is the place in the lane: the id at first, a later number where `retry` put the entry at the tail. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER NOT NULL,
    relay TEXT NOT NULL,
    agent TEXT NOT NULL,
    lane TEXT NOT NULL,
    tool TEXT NOT NULL,
    key TEXT NOT NULL,
    arguments_hash TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    request_id TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    principal TEXT NOT NULL,
    destination TEXT NOT NULL,
    on_unknown TEXT NOT NULL,
    epoch INTEGER,
    occurred_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    visible_at INTEGER NOT NULL,
    reason TEXT,
    last_error TEXT,
    result TEXT,
    settled_at INTEGER,
    told INTEGER NOT NULL DEFAULT 0
  ) STRICT`
  yield* sql`CREATE UNIQUE INDEX outbox_key ON outbox (relay, agent, tool, key)`
  yield* sql`CREATE INDEX outbox_lane ON outbox (relay, state, agent, lane, seq)`
  yield* sql`CREATE INDEX outbox_settled ON outbox (relay, state, settled_at)`
})
