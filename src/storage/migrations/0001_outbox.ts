import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * `seq` is the place in the lane: given when the call arrives, anew where `retry` puts the entry at the tail.
 * `parked` is an entry that is held for another principal or relay, and out of its lane; one that is `held` stays there.
 * `queued_at` is what the age is counted from, `failures` are the counted retries among the `attempts`.
 */
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
    state TEXT NOT NULL CHECK (state IN ('pending', 'inflight', 'held', 'parked', 'dead', 'delivered')),
    request TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    principal TEXT NOT NULL,
    destination TEXT NOT NULL,
    on_unknown TEXT NOT NULL,
    epoch INTEGER,
    occurred_at INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    reason TEXT,
    last_error TEXT,
    result TEXT,
    settled_at INTEGER,
    told INTEGER NOT NULL DEFAULT 0
  ) STRICT`
  yield* sql`CREATE UNIQUE INDEX outbox_key ON outbox (relay, agent, tool, key)`
  yield* sql`CREATE INDEX outbox_state ON outbox (relay, state, id)`
  yield* sql`CREATE INDEX outbox_lane ON outbox (relay, lane, seq) WHERE state IN ('pending', 'held', 'inflight')`
  yield* sql`CREATE INDEX outbox_age ON outbox (relay, queued_at) WHERE state = 'pending'`
  yield* sql`CREATE INDEX outbox_delivered ON outbox (relay, settled_at) WHERE state = 'delivered'`
})
