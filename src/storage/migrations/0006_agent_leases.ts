import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * A secret with a `holder` is good while that process lives. An `ephemeral` agent goes with its last secret; one that was
 * removed stays, nameless to everybody else, until its queue is empty.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE agents ADD COLUMN ephemeral INTEGER NOT NULL DEFAULT 0`
  yield* sql`ALTER TABLE agents ADD COLUMN removed_at INTEGER`
  yield* sql`ALTER TABLE agent_secrets ADD COLUMN holder INTEGER`
  yield* sql`ALTER TABLE agent_secrets ADD COLUMN obeys_list_changed INTEGER NOT NULL DEFAULT 0`
  // Its own secret is a file's or the environment's, but it may hold further ones.
  yield* sql`INSERT INTO agents (name, created_at) VALUES ('default', 0) ON CONFLICT DO NOTHING`
})
