/**
 * Keeps long-lived fibers alive and says how they are (BEHAVIOUR 8).
 *
 * A supervised fiber that fails is restarted with backoff, which starts afresh after 60 s of health. More than 5
 * restarts of one fiber within a minute escalate: `escalated` fails, and the daemon stops for its service manager to see.
 */
import { Context, type Effect, type Option, Schema, type Scope } from "effect"

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

export class Supervisor extends Context.Service<Supervisor, {
  /** Forks `loop` into the scope under `name`. A loop that returns has ended; one that fails or dies is restarted. */
  readonly supervise: (
    name: string
  ) => <A, E, R>(loop: Effect.Effect<A, E, R>) => Effect.Effect<void, never, R | Scope.Scope>
  readonly fibers: Effect.Effect<ReadonlyArray<FiberStatus>>
  /** Never succeeds; fails with the first escalation. */
  readonly escalated: Effect.Effect<never, FiberEscalated>
}>()("holdfast/supervision/Supervisor") {}
