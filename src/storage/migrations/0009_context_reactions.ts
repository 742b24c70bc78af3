import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The outbox's entries whose delivery an agent's context has reacted to, by moving or by refusing to. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE context_reactions (
    relay TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (relay, entry)
  ) STRICT`
  // What was delivered before this was written down has been reacted to.
  yield* sql`INSERT INTO context_reactions SELECT relay, id FROM outbox WHERE state = 'delivered'`
})
