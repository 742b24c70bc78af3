import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Messages from outside for agents. `body` is NULL once it is not kept any more; the row stays, so that the message does
 * not come a second time. `seq` is the order in which they came.
 *
 * How far each control plane is: `pushed_seq` in the journal, `watched_seq` in the plane's own numbers, which are those
 * of `session`. `origin` is part of each record's key there: another data directory begins its numbers anew.
 * `uplink_credentials` says from where the plane has to say its credentials again, which are nowhere on disk.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    from_name TEXT NOT NULL,
    body TEXT,
    bytes INTEGER NOT NULL,
    at INTEGER NOT NULL,
    told_at INTEGER,
    read_at INTEGER
  )`
  yield* sql`CREATE INDEX inbox_by_agent ON inbox (agent, seq)`
  yield* sql`CREATE TABLE uplinks (
    name TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    session TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL,
    watched_seq INTEGER NOT NULL
  )`
  yield* sql`CREATE TABLE uplink_credentials (
    uplink TEXT NOT NULL,
    name TEXT NOT NULL,
    seq INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (uplink, name)
  )`
})
