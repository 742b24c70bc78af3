import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Calls of agents without sessions that wait for answers to a relay's questions: where the relay's stream can be read on,
 * and under which ids it asked.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE asked_calls (
    relay TEXT NOT NULL,
    id TEXT NOT NULL,
    session TEXT NOT NULL,
    point TEXT NOT NULL,
    questions TEXT NOT NULL,
    times TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (relay, id)
  ) STRICT`
})
