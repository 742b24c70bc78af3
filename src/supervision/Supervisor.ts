/**
 * Keeps long-lived fibers alive and says how they are (BEHAVIOUR 8).
 *
 * A supervised fiber that fails is restarted with backoff, which starts afresh after 60 s of health. More than 5
 * restarts of one fiber within a minute escalate: `escalated` fails, and the daemon stops for its service manager to see.
 * The one place that logs a failure and goes on.
 */
import { Cause, Clock, Context, Deferred, Effect, Exit, Layer, Metric, Option, Schema, type Scope } from "effect"
import { Happenings } from "../observability/Happenings.ts"
import * as Metrics from "../observability/Metrics.ts"
import * as Backoff from "./Backoff.ts"

export class FiberEscalated extends Schema.TaggedError<FiberEscalated>()("FiberEscalated", {
  fiber: Schema.String,
  restarts: Schema.Int,
  cause: Schema.String
}) {
  override get message(): string {
    return `fiber "${this.fiber}" failed ${this.restarts} times within a minute; last: ${this.cause}`
  }
}

export interface FiberStatus {
  readonly name: string
  readonly state: "running" | "restarting" | "ended"
  readonly restarts: number
  readonly startedAt: number
  readonly lastFailure: Option.Option<{ readonly at: number; readonly cause: string }>
}

const restarts = Backoff.exponential({ base: "100 millis", max: "30 seconds" })
const healthyAfter = 60_000
const window = 60_000
const maxRestartsInWindow = 5

const format = (cause: Cause.Cause<unknown>): string =>
  Cause.prettyErrors(cause).map((error) => error.message).join("; ") || "interrupted"

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export class Supervisor extends Context.Service<Supervisor, {
  /**
   * Forks `loop` into the scope under `name`; it has run up to its first wait when this returns. A loop that returns, or
   * is interrupted, has ended; one that fails or dies is restarted. Names may repeat.
   */
  readonly supervise: (
    name: string
  ) => <A, E, R>(loop: Effect.Effect<A, E, R>) => Effect.Effect<void, never, R | Scope.Scope>
  /** Those whose scope is open, in the order in which they were started. */
  readonly fibers: Effect.Effect<ReadonlyArray<FiberStatus>>
  /** Never succeeds; fails with the first escalation. */
  readonly escalated: Effect.Effect<never, FiberEscalated>
}>()("holdfast/supervision/Supervisor") {
  static readonly layer = Layer.effect(
    Supervisor,
    Effect.gen(function*() {
      const table = new Set<{ status: FiberStatus }>()
      const escalation = yield* Deferred.make<never, FiberEscalated>()
      const happenings = yield* Happenings

      const register = (name: string) =>
        Effect.acquireRelease(
          Effect.map(now, (startedAt) => {
            const status: FiberStatus = { name, state: "running", restarts: 0, startedAt, lastFailure: Option.none() }
            const entry = { status }
            table.add(entry)
            return entry
          }),
          (entry) => Effect.sync(() => table.delete(entry))
        )

      const supervise = (name: string) =>
        Effect.fnUntraced(function*<A, E, R>(loop: Effect.Effect<A, E, R>) {
          const entry = yield* register(name)
          yield* Metrics.declare(Metrics.fiberRestarts, { fiber: name })
          const become = (change: Partial<FiberStatus>) => {
            entry.status = { ...entry.status, ...change }
          }

          const keepAlive = Effect.gen(function*() {
            let failures: Array<number> = []
            const backoff = Backoff.make(restarts)
            while (true) {
              const startedAt = yield* now
              become({ state: "running", startedAt })
              const exit = yield* Effect.exit(loop)
              if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return

              const at = yield* now
              const cause = format(exit.cause)
              failures = [...failures.filter((failure) => failure > at - window), at]
              become({
                state: "restarting",
                restarts: entry.status.restarts + 1,
                lastFailure: Option.some({ at, cause })
              })
              happenings.tell("fiber.restarted", "daemon", {
                fiber: name,
                restarts: entry.status.restarts,
                why: cause.slice(0, 500)
              })
              yield* Effect.logError("fiber failed, restarting", exit.cause)
              yield* Metric.update(Metric.withAttributes(Metrics.fiberRestarts, { fiber: name }), 1)
              if (failures.length > maxRestartsInWindow) {
                yield* Deferred.fail(escalation, new FiberEscalated({ fiber: name, restarts: failures.length, cause }))
              }
              if (at - startedAt >= healthyAfter) backoff.reset()
              yield* Effect.sleep(yield* backoff.next)
            }
          })

          yield* keepAlive.pipe(
            Effect.ensuring(Effect.sync(() => become({ state: "ended" }))),
            Effect.annotateLogs({ fiber: name }),
            Effect.forkScoped({ startImmediately: true })
          )
        })

      return Supervisor.of({
        supervise,
        fibers: Effect.sync(() => Array.from(table, (entry) => entry.status)),
        escalated: Deferred.await(escalation)
      })
    })
  )
}
