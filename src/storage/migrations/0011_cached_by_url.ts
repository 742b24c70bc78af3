import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * What is cached of a relay belongs to its URL as well: another server under the same name is another relay. Nobody knows
 * which URL the rows so far came from, so they go; the relay gives them again as soon as it is up.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP TABLE kept_lists`
  yield* sql`CREATE TABLE kept_lists (
    relay TEXT NOT NULL,
    url TEXT NOT NULL,
    agent TEXT NOT NULL,
    principal TEXT NOT NULL,
    protocol_version TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    method TEXT NOT NULL,
    result TEXT NOT NULL,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (relay, url, agent, principal, protocol_version, capabilities, method)
  ) STRICT`
  yield* sql`DROP TABLE kept_initialize`
  yield* sql`CREATE TABLE kept_initialize (
    relay TEXT NOT NULL,
    url TEXT NOT NULL,
    result TEXT NOT NULL,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (relay, url)
  ) STRICT`
})
