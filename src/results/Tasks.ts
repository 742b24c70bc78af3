/**
 * Tasks of Holdfast's own: calls whose agent was answered a task in the place of a result (BEHAVIOUR 5, "Tasks").
 *
 * How a task stands is what is kept of its call in `Results`, on disk, so it outlives agent, Holdfast and relay. Its id is
 * random and begins like no id of a relay's; it is good for its agent alone. An agent has at most as many tasks that have
 * not ended as results are kept of it.
 */
import { Clock, Context, Duration, Effect, Layer, Option, PubSub, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { RelayTarget, Settings } from "../config/Settings.ts"
import type { AgentName } from "../domain/Ids.ts"
import type { NewCall, ResultState } from "./KeptResult.ts"
import { Results } from "./Results.ts"

export const idPrefix = "holdfast-task-"

export interface Task {
  readonly id: string
  readonly tool: string
  readonly state: ResultState | "cancelled"
  /** Milliseconds since the epoch, whole. */
  readonly calledAt: number
  readonly endedAt: Option.Option<number>
  /** Of a call in the outbox, its key. */
  readonly key: Option.Option<string>
  /** The JSON-RPC response of a call that has ended; its `id` means nothing. */
  readonly response: Option.Option<string>
}

/** One for each relay. Where the disk fails there is no task. */
export class Tasks extends Context.Service<Tasks, {
  /** Of a call that the outbox has under this key: on disk when it returns, and one for each key. */
  readonly ofQueued: (call: NewCall, key: string) => Effect.Effect<Option.Option<Task>>
  /** Of a call that is written down as under way under this id; on disk when it returns. */
  readonly ofRunning: (call: NewCall, result: number) => Effect.Effect<Option.Option<Task>>
  readonly find: (agent: AgentName, id: string) => Effect.Effect<Option.Option<Task>>
  /** Unless it has ended. */
  readonly cancelled: (agent: AgentName, id: string) => Effect.Effect<void>
  /** An agent, from now on, each time that a task of it has ended, or may have. */
  readonly ended: Stream.Stream<AgentName>
  /** The agent was not told of its task after all: of what comes of the call it is told as of any kept result. */
  readonly withdrawn: (agent: AgentName, id: string) => Effect.Effect<void>
}>()("holdfast/results/Tasks") {
  static readonly layer = Layer.effect(Tasks, Effect.suspend(() => make))
}

interface Row {
  readonly id: string
  readonly called_at: number
  readonly cancelled_at: number | null
  readonly tool: string | null
  readonly state: ResultState | null
  readonly ended_at: number | null
  readonly outbox_key: string | null
  readonly response: string | null
}

const make = Effect.gen(function*() {
  const { results: settings } = yield* Settings
  const { id: relay } = yield* RelayTarget
  const sql = yield* SqlClient.SqlClient
  const results = yield* Results
  const keepMillis = Duration.toMillis(settings.keep)
  const now = Effect.map(Clock.currentTimeMillis, Math.floor)
  const cancellations = yield* PubSub.sliding<AgentName>(256)

  const orNone = <A>(work: Effect.Effect<Option.Option<A>, SqlError.SqlError>) =>
    Effect.catchCause(
      work,
      (cause) => Effect.as(Effect.logWarning("a task could not be kept on disk", cause), Option.none())
    )

  const columns = sql`tasks.id, tasks.called_at, tasks.cancelled_at, results.tool, results.state, results.ended_at,
    results.outbox_key, results.response`

  const byId = (agent: AgentName, id: string) =>
    Effect.map(
      sql<Row>`SELECT ${columns} FROM tasks LEFT JOIN results ON results.id = tasks.result
        WHERE tasks.id = ${id} AND tasks.relay = ${relay} AND tasks.agent = ${agent}`,
      ([row]) => Option.flatMap(Option.fromUndefinedOr(row), taskOf)
    )

  /** Those whose result went, and those that were cancelled long ago. */
  const prune = Effect.fnUntraced(function*(agent: AgentName) {
    const before = (yield* now) - keepMillis
    yield* sql`DELETE FROM tasks WHERE relay = ${relay} AND agent = ${agent} AND (cancelled_at < ${before}
      OR (cancelled_at IS NULL AND NOT EXISTS (SELECT 1 FROM results WHERE results.id = tasks.result)))`
  })

  const hasRoom = Effect.fnUntraced(function*(agent: AgentName) {
    yield* prune(agent)
    const [row] = yield* sql<{ readonly open: number }>`SELECT COUNT(*) AS open
      FROM tasks JOIN results ON results.id = tasks.result
      WHERE tasks.relay = ${relay} AND tasks.agent = ${agent} AND cancelled_at IS NULL AND ended_at IS NULL`
    return (row?.open ?? 0) < settings.max
  })

  const insert = Effect.fnUntraced(function*({ agent, calledAt }: NewCall, result: number) {
    const id = `${idPrefix}${randomUUID()}`
    yield* sql`INSERT INTO tasks (id, relay, agent, result, called_at)
      VALUES (${id}, ${relay}, ${agent}, ${result}, ${calledAt})`
    return yield* byId(agent, id)
  })

  const openOf = (agent: AgentName, key: string) =>
    Effect.map(
      sql<Row>`SELECT ${columns} FROM tasks JOIN results ON results.id = tasks.result
        WHERE tasks.relay = ${relay} AND tasks.agent = ${agent} AND outbox_key = ${key} AND cancelled_at IS NULL
        ORDER BY results.id DESC LIMIT 1`,
      ([row]) => Option.flatMap(Option.fromUndefinedOr(row), taskOf)
    )

  return Tasks.of({
    ofQueued: (call, key) =>
      orNone(sql.withTransaction(Effect.gen(function*() {
        const known = yield* openOf(call.agent, key)
        if (Option.isSome(known) || !(yield* hasRoom(call.agent))) return known
        const kept = yield* results.keep(call, undefined, { _tag: "Queued", key })
        return kept === undefined ? Option.none() : yield* insert(call, kept)
      }))),

    ofRunning: (call, result) =>
      orNone(sql.withTransaction(Effect.gen(function*() {
        return (yield* hasRoom(call.agent)) ? yield* insert(call, result) : Option.none<Task>()
      }))),

    find: (agent, id) => id.startsWith(idPrefix) ? orNone(byId(agent, id)) : Effect.succeedNone,

    cancelled: (agent, id) =>
      Effect.asVoid(
        orNone(Effect.asSome(Effect.flatMap(now, (at) =>
          sql`UPDATE tasks SET cancelled_at = ${at} WHERE id = ${id} AND relay = ${relay} AND agent = ${agent}
          AND cancelled_at IS NULL AND NOT EXISTS
            (SELECT 1 FROM results WHERE results.id = tasks.result AND ended_at IS NOT NULL)`)))
      ).pipe(Effect.andThen(PubSub.publish(cancellations, agent))),

    ended: Stream.merge(results.endings, Stream.fromPubSub(cancellations)),

    withdrawn: (agent, id) =>
      Effect.asVoid(orNone(
        Effect.asSome(sql`DELETE FROM tasks WHERE id = ${id} AND relay = ${relay} AND agent = ${agent}`)
      ))
  })
})

/** None where nothing is left of its call. */
const taskOf = (row: Row): Option.Option<Task> => {
  const { called_at: calledAt, cancelled_at, ended_at, id, outbox_key, response, state, tool } = row
  if (cancelled_at === null && state === null) return Option.none()
  return Option.some({
    id,
    tool: tool ?? "",
    state: cancelled_at !== null || state === null ? "cancelled" : state,
    calledAt,
    endedAt: Option.fromNullishOr(cancelled_at ?? ended_at),
    key: Option.fromNullishOr(outbox_key),
    response: cancelled_at === null ? Option.fromNullishOr(response) : Option.none()
  })
}
