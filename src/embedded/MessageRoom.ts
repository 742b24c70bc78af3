/**
 * How much of the relay's disk messages may take: a bound for each agent that sends, and one for all of them. Those that
 * were read make room, the oldest first; where everything waits to be read, no more is taken.
 */
import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Refused } from "./Writes.ts"

export interface Bounds {
  readonly count: number
  readonly bytes: number
}

export const MessageBounds = Context.Reference<
  { readonly message: number; readonly agent: Bounds; readonly all: Bounds }
>(
  "holdfast/embedded/MessageBounds",
  {
    defaultValue: () => ({
      message: 1024 * 1024,
      agent: { count: 10_000, bytes: 16 * 1024 * 1024 },
      all: { count: 100_000, bytes: 256 * 1024 * 1024 }
    })
  }
)

/** Removed at once, while others wait for the database. */
const portion = 100

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`

const format = ({ bytes, count }: Bounds): string => `${count} messages or ${mebibytes(bytes)}`

export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { agent, all, message } = yield* MessageBounds

  const taken = (sender: string | undefined) =>
    Effect.map(
      sql<Bounds>`SELECT coalesce(sum(count), 0) AS count, coalesce(sum(bytes), 0) AS bytes FROM message_totals
        ${sender === undefined ? sql`` : sql`WHERE sender = ${sender}`}`,
      ([row]) => row ?? { count: 0, bytes: 0 }
    )

  /** Whether there was something to remove. */
  const removeOldestRead = Effect.fnUntraced(function*(sender: string | undefined) {
    const rows = yield* sql<{ readonly id: number }>`SELECT m.id FROM messages m
      LEFT JOIN agents a ON a.name = m.recipient
      WHERE (m.acked_at IS NOT NULL OR m.id <= a.read_to) ${
      sender === undefined ? sql`` : sql`AND m.sender = ${sender}`
    }
      ORDER BY m.id LIMIT ${portion}`
    if (rows.length === 0) return false
    const ids = sql.in(rows.map(({ id }) => id))
    yield* sql`UPDATE messages SET reply_to = NULL WHERE reply_to IN ${ids}`
    yield* sql`DELETE FROM socket_deliveries WHERE message IN ${ids}`
    yield* sql`DELETE FROM messages WHERE id IN ${ids}`
    return true
  })

  const makeRoom = Effect.fnUntraced(function*(bounds: Bounds, bytes: number, sender: string | undefined) {
    while (true) {
      const { bytes: takenBytes, count } = yield* taken(sender)
      if (count < bounds.count && takenBytes + bytes <= bounds.bytes) return
      if (yield* removeOldestRead(sender)) continue
      const whose = sender === undefined ? "messages of all agents wait" : `your messages wait`
      return yield* new Refused({
        message: `${whose} to be read, and no more than ${format(bounds)} may: send again when some were read `
          + "(relay_inbox with the id of the last one in `after`)"
      })
    }
  })

  /** Fails where the message finds no room. */
  return Effect.fnUntraced(function*(sender: string, bytes: number) {
    if (bytes > message) {
      return yield* new Refused({ message: `a message has at most ${mebibytes(message)}, with all that goes with it` })
    }
    yield* makeRoom(agent, bytes, sender)
    yield* makeRoom(all, bytes, undefined)
  }, Effect.catchTag("SqlError", Effect.die))
})
