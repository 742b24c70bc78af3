import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Who a principal is, for people to read: calls that are held for somebody say for whom. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE principal_names (
    principal TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
  ) STRICT`
})
