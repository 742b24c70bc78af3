import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** What was last seen in git of the worktree that an agent is attached to. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE worktrees_seen (
    agent TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    common_directory TEXT NOT NULL,
    ahead TEXT,
    refs TEXT NOT NULL
  ) STRICT`
})
