/**
 * Results of calls whose agent was gone when they came, kept per agent until they are a day old (BEHAVIOUR 5, "An answer
 * outlives its call"); and calls that are under way for a while, so that a crash can say what was.
 *
 * What is kept has waited for the disk when it counts as kept. That a call is under way has not: a crash of the process
 * does not take it back, a power cut may. Each agent has bounds of its own, and its oldest results make room for its new
 * ones. A disk that fails costs what would have been kept, and nothing else.
 */
import { Clock, Context, Deferred, Duration, Effect, Layer, Option, PubSub, Queue, Schedule, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { bytes as sizeOf, RelayTarget, Settings } from "../config/Settings.ts"
import { AgentName } from "../domain/Ids.ts"
import { codes, text as errorText } from "../domain/JsonRpcError.ts"
import * as JsonText from "../domain/JsonText.ts"
import type { ResumePoint } from "../relay/ResumePoint.ts"
import { transactionWithoutSync } from "../storage/UnsyncedTransaction.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import {
  type Ending,
  type KeptResult,
  type NewCall,
  type QueuedCall,
  type ResultState,
  type RunningCall
} from "./KeptResult.ts"
import { encodeResend, encodeResume, mayAnswer, resultOf, type Row, runningCallOf } from "./ResultRow.ts"

export interface ResultFilter {
  readonly agent?: AgentName | undefined
  readonly limit: number
  /** Only results with a larger id. */
  readonly after?: number | undefined
}

/** One for each relay. */
export class Results extends Context.Service<Results, {
  /** Writes down that the call is under way; `undefined` where the disk fails. */
  readonly begin: (call: NewCall, resume: ResumePoint | undefined) => Effect.Effect<number | undefined>
  readonly resumeFrom: (id: number, resume: ResumePoint) => Effect.Effect<void>
  /** Keeps how the call ended, in the place of what `begin` wrote under `id`. Gives the id that it is kept under. */
  readonly keep: (call: NewCall, id: number | undefined, ending: Ending) => Effect.Effect<number | undefined>
  /** The agent has its answer: nothing is left of the call. */
  readonly drop: (id: number) => Effect.Effect<void>
  /** How a call of before this life ended. */
  readonly ended: (id: number, response: string) => Effect.Effect<void>
  /** The agent has it after all, and need not be told. */
  readonly given: (id: number) => Effect.Effect<void>
  /** The outbox has delivered a call that is kept as queued, or given it up: then its agent is told of a dead letter. */
  readonly settled: (agent: AgentName, key: string, response: string, told: boolean) => Effect.Effect<void>
  /** Waits for the next call that is kept as queued, by this process or the one before. */
  readonly nextQueued: Effect.Effect<QueuedCall>
  /** Nobody waits for its answer any more, which the relay may still give to who reads its stream on. */
  readonly leave: (id: number) => Effect.Effect<void>
  /** Waits for the next call that was left, by `leave` or by the process before. */
  readonly nextLeft: Effect.Effect<RunningCall>
  /** Whether anything of the agent is kept; costs nothing. */
  readonly hasAny: (agent: AgentName) => boolean
  /** Whether the agent has results that it was not told of; costs nothing. */
  readonly hasNews: (agent: AgentName) => boolean
  /** Results that the agent was not told of; it is from now on. */
  readonly takeNews: (agent: AgentName) => Effect.Effect<ReadonlyArray<KeptResult>>
  /**
   * What is kept of the same call, once it has ended; waits where it is under way from before this life. It counts as
   * given.
   */
  readonly same: (agent: AgentName, name: string) => Effect.Effect<Option.Option<KeptResult>>
  /** In order of id, without their responses. */
  readonly list: (filter: ResultFilter) => Effect.Effect<ReadonlyArray<KeptResult>>
  readonly find: (id: number, agent?: AgentName) => Effect.Effect<Option.Option<KeptResult>>
  /** An agent, from now on, each time that one of its calls which are kept has ended. */
  readonly endings: Stream.Stream<AgentName>
  /** Nobody of the same name is given what this agent was. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
}>()("holdfast/results/Results") {
  static readonly layer = Layer.effect(Results, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const { results: settings } = yield* Settings
  const { id: relay } = yield* RelayTarget
  const sql = yield* SqlClient.SqlClient
  const { supervise } = yield* Supervisor
  const withoutSync = yield* Effect.orDie(transactionWithoutSync(sql))
  const maxBytes = sizeOf(settings.maxBytes)
  const keepMillis = Duration.toMillis(settings.keep)
  const now = Effect.map(Clock.currentTimeMillis, Math.floor)
  /** By agent: all that is kept, and what it was not told of. */
  const counts = new Map<string, { readonly all: number; readonly news: number }>()
  /** Those that were left, until they have ended. */
  const waiting = new Map<number, Deferred.Deferred<void>>()
  const left = yield* Queue.unbounded<RunningCall>()
  const queued = yield* Queue.unbounded<QueuedCall>()
  const endings = yield* PubSub.sliding<AgentName>(256)

  const bestEffort = <A>(otherwise: A) => <B>(work: Effect.Effect<B, SqlError.SqlError>): Effect.Effect<A | B> =>
    Effect.catchCause(
      work,
      (cause) => Effect.as(Effect.logWarning("a result could not be kept on disk", cause), otherwise)
    )

  const count = Effect.fnUntraced(function*(agent: string) {
    const [row] = yield* sql<{ readonly all: number; readonly news: number }>`
      SELECT COUNT(*) AS "all", COUNT(CASE WHEN told_at IS NULL AND ended_at IS NOT NULL THEN 1 END) AS news
      FROM results WHERE relay = ${relay} AND agent = ${agent}`
    if (row === undefined || row.all === 0) counts.delete(agent)
    else counts.set(agent, row)
  })

  const counted = <A>(agent: string, write: Effect.Effect<A, SqlError.SqlError>) =>
    Effect.tap(write, () => count(agent))

  /** What is too old, and what is more than the agent may have: its oldest first. */
  const prune = Effect.fnUntraced(function*(agent: string) {
    const before = (yield* now) - keepMillis
    yield* sql`DELETE FROM results WHERE relay = ${relay} AND agent = ${agent} AND ended_at < ${before}`
    yield* sql`DELETE FROM results WHERE id IN (
      SELECT id FROM (
        SELECT id, SUM(bytes) OVER newest AS bytes, COUNT(*) OVER newest AS place FROM results
        WHERE relay = ${relay} AND agent = ${agent} AND ended_at IS NOT NULL
        WINDOW newest AS (ORDER BY id DESC)
      ) WHERE bytes > ${maxBytes} OR place > ${settings.max})`
    yield* count(agent)
  })

  const awake = (id: number) =>
    Effect.sync(() => {
      const waiter = waiting.get(id)
      waiting.delete(id)
      if (waiter !== undefined) Deferred.doneUnsafe(waiter, Effect.void)
    })

  /** Larger than all that the agent may have: that it came is worth knowing all the same. */
  const bounded = (response: string): string => {
    const size = Buffer.byteLength(response)
    return size <= maxBytes ? response : errorText(null, {
      code: codes.relay,
      message: `The call was carried out. Its answer has ${size} bytes and is not kept: ${maxBytes} at most are.`
    })
  }

  const end = Effect.fnUntraced(function*(id: number, agent: string, response: string, told: boolean) {
    const text = bounded(response)
    const at = yield* now
    // Who holds a task of it asks for it.
    yield* sql`UPDATE results SET state = ${stateOf(text)}, ended_at = ${at},
      told_at = CASE WHEN ${told ? 1 : 0} = 1 OR EXISTS (SELECT 1 FROM tasks WHERE result = results.id) THEN ${at} END,
      resume = NULL, resend = NULL,
      response = ${text}, bytes = ${Buffer.byteLength(text)} WHERE id = ${id} AND relay = ${relay}`
    yield* prune(agent)
    yield* awake(id)
    yield* sql.afterCommit(PubSub.publish(endings, AgentName.make(agent)))
  })

  const insert = Effect.fnUntraced(function*(call: NewCall, state: ResultState, more: {
    readonly key?: string
    readonly resume?: ResumePoint | undefined
  }) {
    const [row] = yield* sql<{ readonly id: number }>`
      INSERT INTO results (relay, agent, tool, call, only_reads, state, called_at, outbox_key, resume, resend)
      VALUES (${relay}, ${call.agent}, ${call.tool}, ${call.name ?? null}, ${call.onlyReads ? 1 : 0}, ${state},
        ${call.calledAt}, ${more.key ?? null}, ${more.resume === undefined ? null : encodeResume(more.resume)},
        ${state !== "running" || call.resend === undefined ? null : encodeResend(call.resend)})
      RETURNING id`
    return row!.id
  })

  const agentOf = (id: number) =>
    Effect.map(
      sql<{ readonly agent: string }>`SELECT agent FROM results WHERE id = ${id} AND relay = ${relay}`,
      ([row]) => row?.agent
    )

  const upkeep = Effect.suspend(() => Effect.forEach([...counts.keys()], prune, { discard: true }))
  yield* upkeep.pipe(bestEffort(undefined), Effect.schedule(Schedule.spaced("10 minutes")), supervise("results-upkeep"))

  const agents = yield* Effect.orDie(
    sql<{ readonly agent: string }>`SELECT DISTINCT agent FROM results WHERE relay = ${relay}`
  )
  for (const { agent } of agents) yield* Effect.orDie(prune(agent))

  const isLeft = (row: Row): void => {
    waiting.set(row.id, Deferred.makeUnsafe())
    Queue.offerUnsafe(left, runningCallOf(row))
  }
  const running = sql<Row>`SELECT * FROM results WHERE relay = ${relay} AND state = 'running' ORDER BY id`
  for (const row of yield* Effect.orDie(running)) isLeft(row)
  const waitingInQueue = sql<{ readonly agent: string; readonly tool: string; readonly key: string }>`
    SELECT agent, tool, outbox_key AS key FROM results WHERE relay = ${relay} AND state = 'queued'`
  for (const row of yield* Effect.orDie(waitingInQueue)) {
    Queue.offerUnsafe(queued, { ...row, agent: AgentName.make(row.agent) })
  }

  return Results.of({
    begin: (call, resume) =>
      bestEffort(undefined)(withoutSync(counted(call.agent, insert(call, "running", { resume })))),

    resumeFrom: (id, resume) =>
      bestEffort(undefined)(Effect.asVoid(withoutSync(
        sql`UPDATE results SET resume = ${encodeResume(resume)} WHERE id = ${id} AND state = 'running'`
      ))),

    keep: (call, id, ending) =>
      bestEffort(undefined)(sql.withTransaction(Effect.gen(function*() {
        // What `begin` wrote may have been dropped by now: the answer had left, and did not arrive.
        const present = id === undefined ? undefined : yield* agentOf(id)
        if (ending._tag === "Queued") {
          if (id !== undefined) yield* sql`DELETE FROM results WHERE id = ${id}`
          const { agent, tool } = call
          const kept = yield* counted(agent, insert(call, "queued", { key: ending.key }))
          yield* sql.afterCommit(Queue.offer(queued, { agent, tool, key: ending.key }))
          return kept
        }
        const kept = present === undefined || id === undefined ? yield* insert(call, "running", {}) : id
        yield* end(kept, call.agent, ending.text, false)
        return kept
      }))),

    drop: (id) =>
      bestEffort(undefined)(withoutSync(Effect.gen(function*() {
        const agent = yield* agentOf(id)
        if (agent === undefined) return
        yield* sql`DELETE FROM results WHERE id = ${id}`
        yield* count(agent)
        yield* awake(id)
      }))),

    ended: (id, response) =>
      bestEffort(undefined)(sql.withTransaction(Effect.gen(function*() {
        const agent = yield* agentOf(id)
        if (agent !== undefined) yield* end(id, agent, response, false)
      }))),

    given: (id) =>
      bestEffort(undefined)(Effect.gen(function*() {
        const agent = yield* agentOf(id)
        if (agent === undefined) return
        yield* sql`UPDATE results SET told_at = ${yield* now} WHERE id = ${id} AND told_at IS NULL`
        yield* count(agent)
      })),

    settled: (agent, key, response, told) =>
      bestEffort(undefined)(sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<{ readonly id: number }>`SELECT id FROM results
          WHERE relay = ${relay} AND agent = ${agent} AND state = 'queued' AND outbox_key = ${key}`
        for (const { id } of rows) yield* end(id, agent, response, told)
      }))),

    nextQueued: Queue.take(queued),

    leave: (id) =>
      bestEffort(undefined)(Effect.map(
        sql<Row>`SELECT * FROM results WHERE id = ${id} AND relay = ${relay} AND state = 'running'`,
        (rows) => rows.forEach(isLeft)
      )),

    nextLeft: Queue.take(left),

    hasAny: (agent) => counts.has(agent),

    hasNews: (agent) => (counts.get(agent)?.news ?? 0) > 0,

    takeNews: (agent) =>
      bestEffort([])(Effect.gen(function*() {
        const rows = yield* sql<Row>`UPDATE results SET told_at = ${yield* now}
          WHERE relay = ${relay} AND agent = ${agent} AND told_at IS NULL AND ended_at IS NOT NULL RETURNING *`
        yield* count(agent)
        return rows.map(resultOf).sort((one, other) => one.id - other.id)
      })),

    same: Effect.fnUntraced(function*(agent, name) {
      const found = yield* bestEffort(undefined)(Effect.map(
        sql<Row>`SELECT * FROM results WHERE relay = ${relay} AND agent = ${agent} AND call = ${name}
          ORDER BY id DESC LIMIT 1`,
        ([row]) => row
      ))
      const waiter = found?.state === "running" ? waiting.get(found.id) : undefined
      if (waiter !== undefined) yield* Deferred.await(waiter)
      const row = waiter === undefined || found === undefined ? found : yield* bestEffort(undefined)(Effect.map(
        sql<Row>`SELECT * FROM results WHERE id = ${found.id}`,
        ([row]) => row
      ))
      if (row === undefined || row.ended_at === null || !mayAnswer(row)) return Option.none()
      yield* bestEffort(undefined)(Effect.gen(function*() {
        yield* sql`UPDATE results SET told_at = ${yield* now} WHERE id = ${row.id} AND told_at IS NULL`
        yield* count(agent)
      }))
      return Option.some(resultOf(row))
    }),

    list: ({ after = 0, agent, limit }) =>
      bestEffort([])(Effect.gen(function*() {
        const since = (yield* now) - keepMillis
        const ofAgent = agent === undefined ? sql`1 = 1` : sql`agent = ${agent}`
        const rows = yield* sql<Row>`SELECT id, agent, tool, only_reads, state, called_at, ended_at, told_at, bytes,
            NULL AS resume, NULL AS resend, NULL AS response
          FROM results WHERE relay = ${relay} AND ${ofAgent} AND id > ${after}
          AND (ended_at IS NULL OR ended_at >= ${since}) ORDER BY id LIMIT ${limit}`
        return rows.map(resultOf)
      })),

    find: (id, agent) =>
      bestEffort(Option.none())(Effect.gen(function*() {
        const since = (yield* now) - keepMillis
        const [row] = yield* sql<Row>`SELECT * FROM results WHERE relay = ${relay} AND id = ${id}
          AND (ended_at IS NULL OR ended_at >= ${since})`
        return row === undefined || (agent !== undefined && row.agent !== agent)
          ? Option.none()
          : Option.some(resultOf(row))
      })),

    endings: Stream.fromPubSub(endings),

    forget: (agent) =>
      bestEffort(undefined)(Effect.asVoid(counted(
        agent,
        sql`DELETE FROM results WHERE relay = ${relay} AND agent = ${agent}`
      )))
  })
})

const stateOf = (response: string): ResultState =>
  JsonText.at(response, ["result"]) === undefined ? "failed" : "answered"
