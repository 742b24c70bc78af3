/**
 * All writes of an outbox, in the order in which they were asked for; those that arrive together share one commit.
 *
 * A write returns once it is on disk, and everything that is counted in memory follows within the same turn. Where a
 * shared commit fails each write is tried by itself, so that no write fails for another's sake.
 */
import { Cause, Context, Deferred, Effect, Exit, Latch, Layer, Queue } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { Lanes } from "../Lanes.ts"
import type { Change } from "./Row.ts"
import { Tally } from "./Tally.ts"

export interface Written<A> {
  readonly value: A
  readonly changes: ReadonlyArray<Change>
}

interface Job {
  /** Writes, and gives what has to happen after the commit. */
  readonly run: Effect.Effect<() => void, SqlError.SqlError>
  readonly fail: (cause: Cause.Cause<SqlError.SqlError>) => void
}

export class OutboxWriter extends Context.Service<OutboxWriter, {
  /** Interrupting it does not undo the write. */
  readonly write: <A>(write: Effect.Effect<Written<A>, SqlError.SqlError>) => Effect.Effect<A, SqlError.SqlError>
  /** Whether the last write worked. */
  readonly writable: () => boolean
  /** Returns while the last write failed. */
  readonly unwritable: Effect.Effect<void>
}>()("holdfast/outbox/OutboxWriter") {
  static readonly layerNoDeps = Layer.effect(
    OutboxWriter,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const supervisor = yield* Supervisor
      const tally = yield* Tally
      const lanes = yield* Lanes
      const jobs = yield* Queue.unbounded<Job>()
      const failing = yield* Latch.make(false)

      const commit = Effect.fnUntraced(function*(batch: ReadonlyArray<Job>): Effect.fn.Return<void> {
        const exit = yield* Effect.exit(sql.withTransaction(Effect.forEach(batch, (job) => job.run)))
        if (Exit.isSuccess(exit)) {
          failing.closeUnsafe()
          for (const settle of exit.value) settle()
          return
        }
        if (batch.length > 1) return yield* Effect.forEach(batch, (job) => commit([job]), { discard: true })
        if (!isOurs(exit.cause)) failing.openUnsafe()
        for (const job of batch) job.fail(exit.cause)
      })

      yield* Queue.takeAll(jobs).pipe(
        Effect.flatMap((batch) => Effect.uninterruptible(commit(batch))),
        Effect.forever,
        supervisor.supervise("outbox-writer")
      )

      return OutboxWriter.of({
        write: <A>(write: Effect.Effect<Written<A>, SqlError.SqlError>) =>
          Effect.suspend(() => {
            const done = Deferred.makeUnsafe<A, SqlError.SqlError>()
            Queue.offerUnsafe(jobs, {
              run: Effect.map(write, ({ changes, value }) => () => {
                for (const change of changes) {
                  tally.apply(change)
                  lanes.moved(change)
                }
                Deferred.doneUnsafe(done, Effect.succeed(value))
              }),
              fail: (cause) => {
                Deferred.doneUnsafe(done, Effect.failCause(cause))
              }
            })
            return Deferred.await(done)
          }),
        writable: () => !Latch.isOpen(failing),
        unwritable: failing.await
      })
    })
  )
}

const constraints: ReadonlySet<string> = new Set<SqlError.SqlErrorReason["_tag"]>([
  "ConstraintError",
  "UniqueViolation"
])

/** A statement that the disk would have taken. */
const isOurs = (cause: Cause.Cause<SqlError.SqlError>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && constraints.has(reason.error.reason._tag))
