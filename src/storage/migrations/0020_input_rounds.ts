import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Requests that wait for their agent's answers to what the relay asked. `sent` is the request as it went to the relay,
 * `state` the relay's own words to be repeated, JSON text both; `questions` has what was asked, where, and the answers.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE input_rounds (
    relay TEXT NOT NULL,
    session TEXT NOT NULL,
    request_id TEXT NOT NULL,
    sent TEXT NOT NULL,
    headers TEXT NOT NULL,
    state TEXT,
    questions TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (relay, session, request_id)
  ) STRICT`
})
