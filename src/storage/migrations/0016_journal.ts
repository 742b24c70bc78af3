import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The journal. `bytes` is what a record counts for against the journal's bound. AUTOINCREMENT: the table's sequence is
 * ahead of all numbers that were ever given out, so that a cursor names no other record after a crash or a power cut.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    subject TEXT NOT NULL,
    session TEXT,
    type TEXT NOT NULL,
    payload TEXT NOT NULL
  )`
  yield* sql`INSERT INTO sqlite_sequence (name, seq) VALUES ('journal', 0)`
})
