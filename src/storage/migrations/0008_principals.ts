import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Whom the last token of a source stood for; `owner` is an agent, or "*" for all who share one. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE principals (
    relay TEXT NOT NULL,
    owner TEXT NOT NULL,
    source TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (relay, owner, source)
  ) STRICT`
})
