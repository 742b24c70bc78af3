/**
 * The inbox of each agent: messages from outside, on disk until they are read and for a while after (BEHAVIOUR 14).
 *
 * A message that counts as received has waited for the disk. It comes once under its id, however often it is handed in,
 * over restarts too. Nothing that is unread gives way: where an agent's inbox is full, a message is refused.
 */
import { Clock, Context, Duration, Effect, Layer, Option, PubSub, Schedule, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { bytes as sizeOf, Settings } from "../config/Settings.ts"
import { AgentName } from "../domain/Ids.ts"
import { Happenings, ofAgent } from "../observability/Happenings.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import { type InboxMessage, InboxRefused, type NewMessage, unfit } from "./InboxMessage.ts"

export interface InboxFilter {
  readonly agent?: AgentName | undefined
  /** Only what nobody has read. */
  readonly unread?: boolean | undefined
  readonly limit: number
  /** Only what came after this number. */
  readonly after?: number | undefined
}

export interface Received {
  readonly message: InboxMessage
  /** Whether it had come before. */
  readonly isDouble: boolean
}

/** One for the daemon. */
export class Inbox extends Context.Service<Inbox, {
  /** Takes part in a transaction that is open: then it counts, and is told, once that one has committed. */
  readonly receive: (message: NewMessage) => Effect.Effect<Received, InboxRefused>
  /** In the order in which they came. */
  readonly list: (filter: InboxFilter) => Effect.Effect<ReadonlyArray<InboxMessage>, InboxRefused>
  /** Gives a message, which counts as read from now on. `agent`: only where it is that one's. */
  readonly read: (id: string, agent?: AgentName) => Effect.Effect<Option.Option<InboxMessage>, InboxRefused>
  /** Whether there is anything that the agent was not told of and nobody has read; costs nothing. */
  readonly hasNews: (agent: AgentName) => boolean
  /** What the agent was not told of; it is from now on. Nothing where the disk fails. */
  readonly takeNews: (agent: AgentName) => Effect.Effect<ReadonlyArray<InboxMessage>>
  /** Each message from now on, once it is on disk. */
  readonly received: Stream.Stream<InboxMessage>
  /** Nobody of the same name is given what this agent was. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
}>()("holdfast/inbox/Inbox") {
  static readonly layer = Layer.effect(Inbox, Effect.suspend(() => make))
}

interface Row {
  readonly seq: number
  readonly id: string
  readonly agent: string
  readonly from_name: string
  readonly body: string | null
  readonly bytes: number
  readonly at: number
  readonly told_at: number | null
  readonly read_at: number | null
}

interface Counts {
  readonly unread: number
  readonly news: number
  /** Of the bodies that are kept. */
  readonly bytes: number
  /** Of those that nobody has read. */
  readonly unreadBytes: number
  readonly rows: number
}

const none: Counts = { unread: 0, news: 0, bytes: 0, unreadBytes: 0, rows: 0 }

/** Ids of one agent that are remembered; of more, those of the messages that were read first are forgotten. */
const maxIds = 10_000

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

const make = Effect.gen(function*() {
  const { inbox: settings } = yield* Settings
  const sql = yield* SqlClient.SqlClient
  const happenings = yield* Happenings
  const { supervise } = yield* Supervisor
  const maxBody = sizeOf(settings.maxBody)
  const maxBytes = sizeOf(settings.maxBytes)
  const keepRead = Duration.toMillis(settings.keepRead)
  const all = new Map<string, Counts>()
  const received = yield* PubSub.sliding<InboxMessage>(256)

  const refuse = (reason: InboxRefused["reason"], message: string) => Effect.fail(new InboxRefused({ reason, message }))

  const onDisk = <A>(work: Effect.Effect<A, InboxRefused | SqlError.SqlError>): Effect.Effect<A, InboxRefused> =>
    Effect.catchTag(
      work,
      "SqlError",
      () => refuse("disk", "the disk did not take it; try again when it is well")
    )

  const count = Effect.fnUntraced(function*(agent: string) {
    const [row] = yield* sql<Counts>`SELECT COUNT(*) AS "rows",
      COUNT(CASE WHEN read_at IS NULL THEN 1 END) AS unread,
      COUNT(CASE WHEN read_at IS NULL AND told_at IS NULL THEN 1 END) AS news,
      TOTAL(CASE WHEN body IS NOT NULL THEN bytes END) AS bytes,
      TOTAL(CASE WHEN read_at IS NULL THEN bytes END) AS "unreadBytes"
      FROM inbox WHERE agent = ${agent}`
    return row ?? none
  })

  /** What a transaction changed counts from its commit on. */
  const recount = Effect.fnUntraced(function*(agent: string) {
    const counts = yield* count(agent)
    yield* sql.afterCommit(Effect.sync(() => counts.rows === 0 ? all.delete(agent) : all.set(agent, counts)))
  })

  const makeRoom = Effect.fnUntraced(function*({ agent }: NewMessage, bytes: number, counts: Counts) {
    if (counts.unread >= settings.max || counts.unreadBytes + bytes > maxBytes) {
      return yield* refuse(
        "full",
        `the inbox of agent "${agent}" is full (${counts.unread} unread messages, ${counts.unreadBytes} bytes): `
          + "it has to read some first; inbox.max and inbox.maxBytes bound it"
      )
    }
    if (counts.bytes + bytes > maxBytes) {
      yield* sql`UPDATE inbox SET body = NULL WHERE agent = ${agent} AND read_at IS NOT NULL`
    }
    if (counts.rows >= maxIds) {
      yield* sql`DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox
        WHERE agent = ${agent} AND read_at IS NOT NULL ORDER BY seq LIMIT ${counts.rows - maxIds + 1})`
    }
  })

  const receive = Effect.fnUntraced(function*(message: NewMessage) {
    const { agent, body, from, id = `message-${randomUUID()}` } = message
    const wrong = unfit(message)
    if (wrong !== undefined) return yield* refuse("not valid", wrong)
    const bytes = Buffer.byteLength(body)
    if (bytes > maxBody) {
      return yield* refuse("too large", `the body has ${bytes} bytes; inbox.maxBody allows ${maxBody}`)
    }
    const [before] = yield* sql<Row>`SELECT * FROM inbox WHERE id = ${id}`
    if (before !== undefined) {
      const isSame = before.agent === agent && before.from_name === from &&
        (before.body === null || before.body === body)
      if (!isSame) return yield* refuse("id in use", `another message has the id ${JSON.stringify(id)}`)
      return { message: messageOf(before), isDouble: true }
    }
    yield* makeRoom(message, bytes, yield* count(agent))
    const [row] = yield* sql<Row>`INSERT INTO inbox (id, agent, from_name, body, bytes, at)
      VALUES (${id}, ${agent}, ${from}, ${body}, ${bytes}, ${yield* now}) RETURNING *`
    const kept = messageOf(row!)
    yield* recount(agent)
    yield* sql.afterCommit(Effect.suspend(() => {
      happenings.tell("inbox.received", ofAgent(agent), { id, from })
      return PubSub.publish(received, kept)
    }))
    return { message: kept, isDouble: false }
  })

  const orWarn = <A>(otherwise: A) => <B>(work: Effect.Effect<B, SqlError.SqlError>): Effect.Effect<A | B> =>
    Effect.catchCause(work, (cause) => Effect.as(Effect.logWarning("the inbox could not be written", cause), otherwise))

  const upkeep = Effect.gen(function*() {
    const before = (yield* now) - keepRead
    const rows = yield* sql<{ readonly agent: string }>`UPDATE inbox SET body = NULL
      WHERE read_at < ${before} AND body IS NOT NULL RETURNING agent`
    yield* Effect.forEach(new Set(rows.map(({ agent }) => agent)), recount, { discard: true })
  })

  const agents = yield* Effect.orDie(sql<{ readonly agent: string }>`SELECT DISTINCT agent FROM inbox`)
  for (const { agent } of agents) all.set(agent, yield* Effect.orDie(count(agent)))
  yield* upkeep.pipe(
    sql.withTransaction,
    orWarn(undefined),
    Effect.schedule(Schedule.spaced("1 hour")),
    supervise("inbox-upkeep")
  )

  return Inbox.of({
    receive: (message) => onDisk(sql.withTransaction(receive(message))),
    list: ({ after = 0, agent, limit, unread = false }) =>
      onDisk(Effect.map(
        sql<Row>`SELECT * FROM inbox WHERE seq > ${after}
          AND (${agent ?? null} IS NULL OR agent = ${agent ?? null}) AND (${unread ? 0 : 1} OR read_at IS NULL)
          ORDER BY seq LIMIT ${limit}`,
        (rows) => rows.map(messageOf)
      )),
    read: (id, agent) =>
      onDisk(sql.withTransaction(Effect.gen(function*() {
        const [row] = yield* sql<Row>`SELECT * FROM inbox WHERE id = ${id}`
        if (row === undefined || (agent !== undefined && row.agent !== agent)) return Option.none()
        if (row.read_at !== null) return Option.some(messageOf(row))
        const at = yield* now
        yield* sql`UPDATE inbox SET read_at = ${at} WHERE seq = ${row.seq}`
        yield* recount(row.agent)
        return Option.some(messageOf({ ...row, read_at: at }))
      }))),
    hasNews: (agent) => (all.get(agent)?.news ?? 0) > 0,
    takeNews: (agent) =>
      orWarn([])(sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<Row>`UPDATE inbox SET told_at = ${yield* now}
          WHERE agent = ${agent} AND told_at IS NULL AND read_at IS NULL RETURNING *`
        yield* recount(agent)
        return rows.map(messageOf).sort((one, other) => one.seq - other.seq)
      }))),
    received: Stream.fromPubSub(received),
    forget: (agent) =>
      orWarn(undefined)(sql.withTransaction(
        Effect.andThen(sql`DELETE FROM inbox WHERE agent = ${agent}`, recount(agent))
      ))
  })
})

const messageOf = (row: Row): InboxMessage => ({
  seq: row.seq,
  id: row.id,
  agent: AgentName.make(row.agent),
  from: row.from_name,
  body: Option.fromNullishOr(row.body),
  bytes: row.bytes,
  at: row.at,
  toldAt: Option.fromNullishOr(row.told_at),
  readAt: Option.fromNullishOr(row.read_at)
})
