/**
 * All writes of an outbox, in the order in which they were asked for; those that arrive together share one commit.
 *
 * A write returns once it is on disk, and who observes the store hears of it within the same turn. Where a shared commit
 * fails, each write is tried by itself, so that no write fails because of another.
 *
 * A repeatable write returns once it is committed: a crash of the process does not take it back, a power cut may. Commits
 * are taken back from the last one on, and none that a write waited for, nor what was committed before it.
 */
import { Cause, Deferred, Effect, Exit, Latch, Queue } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { transactionWithoutSync } from "../../storage/UnsyncedTransaction.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import type { Change } from "./Row.ts"

export interface Written<A> {
  readonly value: A
  readonly changes: ReadonlyArray<Change>
}

interface Job {
  readonly repeatable: boolean
  /** Writes, and gives what has to happen after the commit. */
  readonly run: Effect.Effect<() => void, SqlError.SqlError>
  readonly fail: (cause: Cause.Cause<SqlError.SqlError>) => void
}

export interface Writer {
  /** Interrupting it does not undo the write. */
  readonly write: <A>(
    write: Effect.Effect<Written<A>, SqlError.SqlError>,
    options?: { readonly repeatable: boolean }
  ) => Effect.Effect<A, SqlError.SqlError>
  /** Whether the last write worked. */
  readonly writable: () => boolean
  /** Called with each change right after its commit, before anybody hears that it was written. */
  readonly observe: (onChange: (change: Change) => void) => void
}

export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { supervise } = yield* Supervisor
  const jobs = yield* Queue.unbounded<Job>()
  const failing = yield* Latch.make(false)
  let onChange = (_change: Change): void => {}
  const withoutSync = yield* Effect.orDie(transactionWithoutSync(sql))

  const commit = Effect.fnUntraced(function*(batch: ReadonlyArray<Job>): Effect.fn.Return<void> {
    const repeatable = batch.every((job) => job.repeatable)
    const transaction = repeatable ? withoutSync : sql.withTransaction
    const exit = yield* Effect.exit(transaction(Effect.forEach(batch, (job) => job.run)))
    if (Exit.isSuccess(exit)) {
      // That it was committed does not say that the disk takes it.
      if (!repeatable) failing.closeUnsafe()
      for (const done of exit.value) done()
      return
    }
    if (batch.length > 1) return yield* Effect.forEach(batch, (job) => commit([job]), { discard: true })
    if (!isOurs(exit.cause)) failing.openUnsafe()
    for (const job of batch) job.fail(exit.cause)
  })

  yield* Queue.peek(jobs).pipe(
    // Whatever has arrived at the sockets meanwhile comes along.
    Effect.andThen(Effect.yieldNow),
    Effect.andThen(Queue.takeAll(jobs)),
    Effect.flatMap((batch) => Effect.uninterruptible(commit(batch))),
    Effect.forever,
    supervise("outbox-writer")
  )

  const write: Writer["write"] = <A>(
    write: Effect.Effect<Written<A>, SqlError.SqlError>,
    { repeatable }: { readonly repeatable: boolean } = { repeatable: false }
  ) =>
    Effect.suspend(() => {
      const done = Deferred.makeUnsafe<A, SqlError.SqlError>()
      Queue.offerUnsafe(jobs, {
        repeatable,
        run: Effect.map(write, ({ changes, value }) => () => {
          for (const change of changes) onChange(change)
          Deferred.doneUnsafe(done, Effect.succeed(value))
        }),
        fail: (cause) => {
          Deferred.doneUnsafe(done, Effect.failCause(cause))
        }
      })
      return Deferred.await(done)
    })

  /** Writes, and changes nothing. Finds out that the disk works again, also while no call does. */
  const probe = write(Effect.as(sql`UPDATE sqlite_sequence SET seq = seq WHERE name = 'outbox'`, {
    value: undefined,
    changes: []
  }))
  yield* Effect.all([failing.await, Effect.sleep("5 seconds"), Effect.ignore(probe)]).pipe(
    Effect.forever,
    supervise("outbox-disk")
  )

  const writer: Writer = {
    write,
    writable: () => !Latch.isOpen(failing),
    observe: (next) => {
      onChange = next
    }
  }
  return writer
})

const constraints: ReadonlySet<string> = new Set<SqlError.SqlErrorReason["_tag"]>([
  "ConstraintError",
  "UniqueViolation"
])

/** The schema refuses what was to be written: a statement that the disk would have taken. */
export const isRefusedBySchema = ({ reason }: SqlError.SqlError): boolean => constraints.has(reason._tag)

const isOurs = (cause: Cause.Cause<SqlError.SqlError>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && isRefusedBySchema(reason.error))
