/**
 * How far an uplink is, on disk: in the journal, whose records the plane has acknowledged up to a number, and in the
 * plane's messages, which are in the inbox up to a number.
 *
 * After a crash the first may lag behind: then records go out again, under the keys that they had. The second never does.
 */
import { Clock, Effect, type Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { randomBytes } from "node:crypto"
import { transactionWithoutSync } from "../storage/UnsyncedTransaction.ts"

type Done = Effect.Effect<void, SqlError.SqlError>

export interface Cursors {
  /** Begins the key of each record. */
  readonly origin: string
  readonly pushed: number
  readonly watched: number
  /** From where the plane is to begin after a start, so that it says again each credential that has not ended. */
  readonly watchFrom: Effect.Effect<number, SqlError.SqlError>
  readonly savePushed: (seq: number) => Done
  /** Joins a transaction that is open. */
  readonly saveWatched: (seq: number) => Done
  readonly sawCredential: (name: string, seq: number, expiresAt: Option.Option<number>) => Done
}

interface Row {
  readonly origin: string
  readonly session: string
  readonly pushed_seq: number
  readonly watched_seq: number
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

/** Another session of the plane's has numbers of its own. */
export const make = Effect.fnUntraced(function*(name: string, session: string) {
  const sql = yield* SqlClient.SqlClient
  const withoutSync = yield* transactionWithoutSync(sql)
  yield* sql`INSERT INTO uplinks (name, origin, session, pushed_seq, watched_seq)
    VALUES (${name}, ${randomBytes(9).toString("base64url")}, ${session}, 0, 0) ON CONFLICT DO NOTHING`
  const [before] = yield* sql<Row>`SELECT * FROM uplinks WHERE name = ${name}`
  if (before !== undefined && before.session !== session) {
    yield* sql`UPDATE uplinks SET session = ${session}, watched_seq = 0 WHERE name = ${name}`
    yield* sql`DELETE FROM uplink_credentials WHERE uplink = ${name}`
  }
  const [row] = yield* sql<Row>`SELECT * FROM uplinks WHERE name = ${name}`
  const { origin, pushed_seq: pushed, watched_seq: watched } = row!
  const cursors: Cursors = {
    origin,
    pushed,
    watched,
    watchFrom: Effect.gen(function*() {
      yield* sql`DELETE FROM uplink_credentials WHERE uplink = ${name} AND expires_at <= ${yield* now}`
      const [first] = yield* sql<{ readonly seq: number | null }>`
        SELECT MIN(seq) AS seq FROM uplink_credentials WHERE uplink = ${name}`
      return Math.min(watched, (first?.seq ?? Infinity) - 1)
    }),
    savePushed: (seq) => withoutSync(Effect.asVoid(sql`UPDATE uplinks SET pushed_seq = ${seq} WHERE name = ${name}`)),
    saveWatched: (seq) => Effect.asVoid(sql`UPDATE uplinks SET watched_seq = ${seq} WHERE name = ${name}`),
    sawCredential: (credential, seq, expiresAt) =>
      Effect.asVoid(sql`INSERT OR REPLACE INTO uplink_credentials (uplink, name, seq, expires_at)
        VALUES (${name}, ${credential}, ${seq}, ${expiresAt._tag === "Some" ? Math.floor(expiresAt.value) : null})`)
  }
  return cursors
}, (made) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(made)))
