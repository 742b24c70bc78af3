import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Facts of the configuration that hold for an agent; those that its state gives are not in it. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE context_facts (
    agent TEXT NOT NULL,
    fact TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (agent, fact)
  ) STRICT`
})
