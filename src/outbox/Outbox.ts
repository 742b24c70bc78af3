/**
 * The durable queue of accepted calls (BEHAVIOUR 5).
 *
 * A call that is answered "queued" is on disk before the answer leaves. It reaches the relay under one idempotency key,
 * in order within its lane, or ends as a dead letter that somebody can see and retry. One call of a lane is in flight,
 * live or queued; there are never two attempts of one entry at once, and an entry that was in flight when the process
 * died goes back to the head of its lane under the same key.
 */
import { Context, Effect, Layer, Option, type Stream } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import type { AgentName, SessionId } from "../domain/Ids.ts"
import * as Metrics from "../observability/Metrics.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"
import type { BufferableCall, Submission, Wire, WireAnswer } from "./Call.ts"
import { Delivery } from "./delivery/Delivery.ts"
import { OutboxSessions } from "./delivery/OutboxSessions.ts"
import { Settlement } from "./delivery/Settlement.ts"
import type { Entry, EntryFilter } from "./Entry.ts"
import { Lanes } from "./Lanes.ts"
import * as OperatorOrders from "./OperatorOrders.ts"
import { OutboxRefused } from "./OutboxRefused.ts"
import * as Housekeeping from "./store/Housekeeping.ts"
import { OutboxKeeping } from "./store/OutboxKeeping.ts"
import { OutboxStore } from "./store/OutboxStore.ts"
import { OutboxWriter } from "./store/OutboxWriter.ts"
import { Tally } from "./store/Tally.ts"
import { Untold } from "./store/Untold.ts"
import { Acceptance } from "./submission/Acceptance.ts"
import { KnownCalls } from "./submission/KnownCalls.ts"
import { LiveAttempt } from "./submission/LiveAttempt.ts"
import { Submissions } from "./submission/Submissions.ts"

export type { BufferableCall, Submission, Wire, WireAnswer } from "./Call.ts"
export type { EntryFilter } from "./Entry.ts"
export { OutboxRefused } from "./OutboxRefused.ts"

export interface OutboxStats {
  readonly pending: number
  readonly inflight: number
  readonly held: number
  readonly dead: number
  readonly delivered: number
  readonly bytes: number
  readonly oldestAt: Option.Option<number>
  /** Whether the last write to the disk worked. */
  readonly writable: boolean
}

/** One for each relay. */
export class Outbox extends Context.Service<Outbox, {
  /**
   * Answers within the bounds of BEHAVIOUR 4 and 5: live, or queued. `live` makes the one live attempt and says when
   * bytes come; it runs in the outbox's own scope, so that interrupting `submit` (a client that went away) ends neither
   * it nor its settlement.
   */
  readonly submit: (
    call: BufferableCall,
    live: (wire: Wire, onBytes: () => void) => Effect.Effect<WireAnswer, RelayFailure>
  ) => Effect.Effect<Submission, OutboxRefused>
  /**
   * `notifications/cancelled` for the agent's request. Where nothing is committed yet and nobody else asked for the same,
   * the call is dropped and its `submit` interrupted; then, if it was live, this is the id under which the relay knows it.
   */
  readonly cancel: (session: SessionId, requestId: string) => Effect.Effect<Option.Option<string>>
  readonly list: (filter: EntryFilter) => Effect.Effect<ReadonlyArray<Entry>>
  readonly find: (id: number) => Effect.Effect<Option.Option<Entry>>
  /**
   * Dead and held entries, bound to the principal in force; the ids that were. They go to the tail of their lane, but for
   * one that holds its lane: it keeps its place and is tried at once.
   */
  readonly retry: (ids: ReadonlyArray<number>, reason?: string) => Effect.Effect<ReadonlyArray<number>>
  /** Pending, held and dead entries are removed; the ids that were. */
  readonly discard: (ids: ReadonlyArray<number>, reason: string) => Effect.Effect<ReadonlyArray<number>>
  readonly stats: Effect.Effect<OutboxStats>
  /** How many of the agent's calls are under way, or entries that are neither delivered nor discarded. */
  readonly undelivered: (agent: AgentName) => Effect.Effect<number>
  /** What was delivered for the agent goes, so that nobody of the same name is answered from it. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** Dead letters that this agent has not been told of, marked as told. */
  readonly untold: (agent: AgentName) => Effect.Effect<ReadonlyArray<Entry>>
  /** What was delivered of these tools and is still kept, the oldest first. */
  readonly deliveredOf: (isOne: (tool: string) => boolean) => Effect.Effect<ReadonlyArray<Entry>>
  /** Each entry from now on that is delivered, once that is on disk. Live answers are not in it. */
  readonly delivered: Stream.Stream<Entry>
  /** Each entry from now on that becomes a dead letter, once that is on disk. */
  readonly deadLetters: Stream.Stream<Entry>
  /** Everything in flight is on disk when this returns, 5 s at most; nothing is accepted any more. */
  readonly drain: Effect.Effect<void>
}>()("holdfast/outbox/Outbox") {
  static readonly layerNoDeps = Layer.effect(
    Outbox,
    Effect.gen(function*() {
      const { id: relay } = yield* RelayTarget
      const store = yield* OutboxStore
      const keeping = yield* OutboxKeeping
      const writer = yield* OutboxWriter
      const tally = yield* Tally
      const submissions = yield* Submissions
      const delivery = yield* Delivery
      const settlement = yield* Settlement
      const orders = yield* OperatorOrders.make
      const untold = yield* Untold
      const known = yield* KnownCalls

      const stats = Effect.sync((): OutboxStats => ({
        pending: tally.of("pending"),
        inflight: tally.of("inflight"),
        held: held(),
        dead: tally.of("dead"),
        delivered: tally.of("delivered"),
        bytes: tally.bytes(),
        oldestAt: Option.fromUndefinedOr(tally.oldestAt()),
        writable: writer.writable()
      }))
      const held = () => tally.of("held") + tally.of("parked")
      yield* Metrics.observed(Metrics.outboxEntries, { relay, state: "held" }, held)
      for (const state of ["pending", "inflight", "dead", "delivered"] as const) {
        yield* Metrics.observed(Metrics.outboxEntries, { relay, state }, () => tally.of(state))
      }
      yield* Metrics.observed(Metrics.outboxBytes, { relay }, tally.bytes)
      yield* Metrics.observed(
        Metrics.outboxOldestAge,
        { relay },
        (now) => Math.max(0, now - (tally.oldestAt() ?? now)) / 1_000
      )

      return Outbox.of({
        submit: submissions.submit,
        cancel: submissions.cancel,
        list: (filter) => Effect.orDie(store.list(filter)),
        find: (id) => Effect.orDie(store.find(id)),
        retry: orders.retry,
        discard: orders.discard,
        stats,
        undelivered: (agent) =>
          Effect.suspend(() => {
            // Counted first, so that one that becomes an entry meanwhile is missed by neither count.
            const underWay = submissions.underWay(agent)
            return Effect.map(Effect.orDie(keeping.undelivered(agent)), (entries) => underWay + entries)
          }),
        forget: (agent) => Effect.andThen(known.forget(agent), Effect.orDie(keeping.forget(agent))),
        untold: untold.take,
        deliveredOf: (isOne) => Effect.orDie(keeping.deliveredOf(isOne)),
        delivered: settlement.delivered,
        deadLetters: settlement.deadLetters,
        drain: Effect.all([submissions.stop, Effect.timeoutOption(delivery.stop, "5 seconds")], {
          concurrency: "unbounded",
          discard: true
        })
      })
    })
  )

  /** Open for a relay's services; what is in flight on disk when it is built was left there by a crash. */
  static readonly layer = Layer.mergeAll(Outbox.layerNoDeps, Housekeeping.layerNoDeps).pipe(
    Layer.provide([Submissions.layerNoDeps, Delivery.layerNoDeps]),
    Layer.provide(LiveAttempt.layerNoDeps),
    Layer.provide([Acceptance.layerNoDeps, KnownCalls.layerNoDeps, OutboxSessions.layerNoDeps]),
    Layer.provide([Settlement.layerNoDeps, Untold.layerNoDeps]),
    Layer.provide([OutboxStore.layerNoDeps, OutboxKeeping.layerNoDeps]),
    Layer.provide(OutboxWriter.layerNoDeps),
    Layer.provide([Tally.layer, Lanes.layer])
  )
}
