import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Messages that a relay on a local socket delivered. Another URL is another relay. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE socket_inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    relay TEXT NOT NULL,
    url TEXT NOT NULL,
    agent TEXT NOT NULL,
    id TEXT NOT NULL,
    sender TEXT NOT NULL,
    body TEXT NOT NULL,
    thread TEXT,
    reply_to TEXT,
    sent_at INTEGER NOT NULL,
    read INTEGER NOT NULL DEFAULT 0,
    UNIQUE (relay, url, agent, id)
  ) STRICT`
  yield* sql`CREATE INDEX socket_inbox_order ON socket_inbox (relay, url, agent, read, seq)`
})
