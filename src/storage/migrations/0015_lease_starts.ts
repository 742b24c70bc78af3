import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** When a secret's holder started: its process id may be another process's by now. Unknown of the rows so far. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE agent_secrets ADD COLUMN holder_start INTEGER`
})
