/** The embedded relay's own file, apart from the daemon's: the two share nothing but the machine. */
import { Effect, Layer } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import { DataDirectory } from "../storage/DataDirectory.ts"
import * as SqliteClient from "../storage/SqliteClient.ts"

const file = "relay.db"

const tables = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE agents (name TEXT PRIMARY KEY, last_seen INTEGER NOT NULL) STRICT`
  yield* sql`CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    reply_to INTEGER REFERENCES messages (id),
    sent_at INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE INDEX messages_inbox ON messages (recipient, id)`
  yield* sql`CREATE TABLE workspaces (
    agent TEXT PRIMARY KEY,
    phase TEXT NOT NULL,
    summary TEXT,
    updated_at INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE TABLE claims (path TEXT PRIMARY KEY, agent TEXT NOT NULL, claimed_at INTEGER NOT NULL) STRICT`
  yield* sql`CREATE TABLE writes (
    agent TEXT NOT NULL,
    tool TEXT NOT NULL,
    key TEXT NOT NULL,
    arguments TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (agent, tool, key)
  ) STRICT`
})

/** What the socket keeps. Messages from before it are read in the inbox, and not delivered all at once. */
const socket = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE messages ADD COLUMN envelope TEXT`
  yield* sql`ALTER TABLE messages ADD COLUMN acked_at INTEGER`
  yield* sql`UPDATE messages SET acked_at = sent_at`
  yield* sql`CREATE INDEX messages_unacked ON messages (recipient, id) WHERE acked_at IS NULL`
  yield* sql`CREATE TABLE socket_sessions (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL UNIQUE,
    token_hash TEXT NOT NULL,
    token_until INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE TABLE socket_streams (
    session TEXT NOT NULL,
    topic TEXT NOT NULL,
    sender TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (session, topic, sender)
  ) STRICT`
  yield* sql`CREATE TABLE socket_deliveries (
    session TEXT NOT NULL,
    message INTEGER NOT NULL,
    topic TEXT NOT NULL,
    sender TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (session, message)
  ) STRICT`
})

/** How much each agent's messages take, and how far each agent has read. */
const room = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE agents ADD COLUMN read_to INTEGER NOT NULL DEFAULT 0`
  yield* sql`ALTER TABLE messages ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0`
  yield* sql`UPDATE messages SET bytes = octet_length(text) + coalesce(octet_length(envelope), 0)`
  yield* sql`CREATE INDEX messages_sent ON messages (sender, id)`
  yield* sql`CREATE INDEX messages_replies ON messages (reply_to) WHERE reply_to IS NOT NULL`
  yield* sql`CREATE INDEX socket_deliveries_message ON socket_deliveries (message)`
  yield* sql`CREATE TABLE message_totals (sender TEXT PRIMARY KEY, count INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT`
  yield* sql`INSERT INTO message_totals SELECT sender, count(*), sum(bytes) FROM messages GROUP BY sender`
  yield* sql`CREATE TRIGGER message_stored AFTER INSERT ON messages BEGIN
    INSERT INTO message_totals VALUES (new.sender, 1, new.bytes)
    ON CONFLICT (sender) DO UPDATE SET count = count + 1, bytes = bytes + new.bytes;
  END`
  yield* sql`CREATE TRIGGER message_removed AFTER DELETE ON messages BEGIN
    UPDATE message_totals SET count = count - 1, bytes = bytes - old.bytes WHERE sender = old.sender;
  END`
})

const claimsByAgent = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE INDEX claims_agent ON claims (agent, path)`
})

const migrations = Layer.effectDiscard(
  Migrator.make({})({
    loader: Migrator.fromRecord({
      "0001_tables": tables,
      "0002_socket": socket,
      "0003_room": room,
      "0004_claims": claimsByAgent
    })
  })
)

export const layer = Layer.unwrap(Effect.gen(function*() {
  const directory = yield* DataDirectory
  yield* directory.create(file)
  return migrations.pipe(Layer.provideMerge(SqliteClient.layer({ filename: directory.file(file) })))
}))
