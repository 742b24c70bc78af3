import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Definitions of tools that a person approved, for relays whose tools are pinned. Another URL is another relay. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE approved_tools (
    relay TEXT NOT NULL,
    url TEXT NOT NULL,
    tool TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    definition TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (relay, url, tool, fingerprint)
  ) STRICT`
})
