/**
 * The durable queue of accepted calls (BEHAVIOUR 5).
 *
 * A call that is answered "queued" is on disk before the answer leaves. It reaches the relay under one idempotency key,
 * in order within its lane, or ends as a dead letter that somebody can see and retry. One call of a lane is in flight,
 * live or queued; there are never two attempts of one entry at once, and an entry that was in flight when the process
 * died goes back to the head of its lane under the same key.
 */
import { Context, Effect, Layer, Option, type Stream } from "effect"
import { RelayTarget, Settings } from "../config/Settings.ts"
import type { AgentName, SessionId } from "../domain/Ids.ts"
import { Happenings, ofAgent } from "../observability/Happenings.ts"
import * as Metrics from "../observability/Metrics.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"
import * as AdminActions from "./AdminActions.ts"
import type { BufferableCall, OutboxRefused, Submission, Wire, WireAnswer } from "./Call.ts"
import * as Cleaner from "./delivery/Cleaner.ts"
import * as Dispatcher from "./delivery/Dispatcher.ts"
import { Lanes } from "./delivery/Lanes.ts"
import * as Settlement from "./delivery/Settlement.ts"
import type { Entry, EntryFilter } from "./Entry.ts"
import { Counters } from "./store/Counters.ts"
import { DeliveredBounds, DeliveredEntries } from "./store/DeliveredEntries.ts"
import { OutboxStore } from "./store/OutboxStore.ts"
import { entryOf, type RowSummary } from "./store/Row.ts"
import * as SqliteStore from "./store/SqliteStore.ts"
import * as Acceptance from "./submission/Acceptance.ts"
import * as KnownCalls from "./submission/KnownCalls.ts"
import * as Submissions from "./submission/Submissions.ts"

export { type BufferableCall, OutboxRefused, type Submission, type Wire, type WireAnswer } from "./Call.ts"
export type { EntryFilter } from "./Entry.ts"

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

/** A lane in which something waits or is on its way. */
export interface LaneSummary {
  readonly lane: string
  readonly agent: AgentName
  /** Calls that wait in it, on disk or in line. */
  readonly backlog: number
  /** A call of it is on its way. */
  readonly busy: boolean
  /** Its head is not tried before, in milliseconds; `Infinity` where it waits for something else than time. */
  readonly notBefore: number
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
  /** Who made the agent's request is gone: unless somebody else asked for the same, the call goes to disk at once. */
  readonly desert: (session: SessionId, requestId: string) => void
  readonly byKey: (agent: AgentName, tool: string, key: string) => Effect.Effect<Option.Option<Entry>>
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
  readonly lanes: Effect.Effect<ReadonlyArray<LaneSummary>>
  /** How many of the agent's calls are under way, or entries that are neither delivered nor discarded. */
  readonly undelivered: (agent: AgentName) => Effect.Effect<number>
  /** What was delivered for the agent goes, so that nobody of the same name is answered from it. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** Whether there are dead letters that this agent does not know of. */
  readonly hasUnreported: (agent: AgentName) => boolean
  /** Dead letters that this agent does not know of, reported from now on. */
  readonly unreported: (agent: AgentName) => Effect.Effect<ReadonlyArray<Entry>>
  /** What was delivered of these tools and is still kept, the oldest first. */
  readonly deliveredOf: (isOne: (tool: string) => boolean) => Effect.Effect<ReadonlyArray<Entry>>
  /** Each entry from now on that is delivered, once that is on disk. Live answers are not in it. */
  readonly delivered: Stream.Stream<Entry>
  /** Each entry from now on that becomes a dead letter, once that is on disk. */
  readonly deadLetters: Stream.Stream<Entry>
  /** Everything in flight is on disk when this returns, 5 s at most; nothing is accepted any more. */
  readonly drain: Effect.Effect<void>
}>()("holdfast/outbox/Outbox") {
  /** Over a store that an embedding program may have put there. */
  static readonly layerNoDeps = Layer.effect(
    Outbox,
    Effect.gen(function*() {
      const { outbox } = yield* Settings
      const store = yield* OutboxStore
      const counters = new Counters(outbox, new DeliveredEntries(yield* DeliveredBounds))
      const { id: relay } = yield* RelayTarget
      const happenings = yield* Happenings
      const tellParked = ({ agent, id, lane, occurred_at }: RowSummary) =>
        happenings.tell("call.held", ofAgent(agent), {
          relay,
          entry: id,
          lane,
          reason: "it waits for the principal or the relay that it was accepted for",
          occurredAt: occurred_at
        })
      const lanes = new Lanes()
      const { delivered, lastSeq } = yield* Effect.orDie(store.observe((change) => {
        counters.apply(change)
        lanes.moved(change)
        if (change.from !== undefined && change.from !== "parked" && change.to === "parked") tellParked(change.row)
      }))
      counters.startWith(delivered)
      lanes.startAfter(lastSeq)
      yield* observed(counters)
      const settlement = yield* Settlement.make
      const acceptance = yield* Acceptance.make(counters)
      const known = yield* KnownCalls.make(acceptance)
      const submissions = yield* Submissions.make({ acceptance, known, lanes, settlement })
      const dispatcher = yield* Dispatcher.make(lanes, settlement)
      const admin = yield* AdminActions.make(lanes)
      yield* Cleaner.start(counters, lanes, settlement)

      return Outbox.of({
        submit: submissions.submit,
        cancel: submissions.cancel,
        desert: submissions.desert,
        byKey: (agent, tool, key) => Effect.orDie(Effect.map(store.byKey(agent, tool, key), Option.map(entryOf))),
        list: (filter) => Effect.orDie(store.list(filter)),
        find: (id) => Effect.orDie(store.find(id)),
        retry: admin.retry,
        discard: admin.discard,
        stats: Effect.sync(() => ({
          pending: counters.of("pending"),
          inflight: counters.of("inflight"),
          held: counters.of("held", "parked"),
          dead: counters.of("dead"),
          delivered: counters.of("delivered"),
          bytes: counters.bytes(),
          oldestAt: Option.fromUndefinedOr(counters.oldestAt()),
          writable: store.writable()
        })),
        lanes: Effect.sync(() =>
          Array.from(lanes.all(), ({ agent, backlog, busy, entering, name, notBefore, waiting }) => ({
            lane: name,
            agent,
            backlog: backlog + entering.size + waiting.length,
            busy,
            notBefore
          }))
        ),
        undelivered: (agent) =>
          Effect.suspend(() => {
            // Counted first, so that one that becomes an entry meanwhile is missed by neither count.
            const underWay = submissions.underWay(agent)
            return Effect.map(Effect.orDie(store.undelivered(agent)), (entries) => underWay + entries)
          }),
        forget: (agent) =>
          Effect.suspend(() => {
            known.forget(agent)
            return Effect.orDie(store.forget(agent))
          }),
        hasUnreported: (agent) => counters.unreported(agent) > 0,
        unreported: acceptance.takeUnreported,
        deliveredOf: (isOne) => Effect.orDie(store.deliveredOf(isOne)),
        delivered: settlement.delivered,
        deadLetters: settlement.deadLetters,
        drain: Effect.all([submissions.stop, Effect.timeoutOption(dispatcher.stop, "5 seconds")], {
          concurrency: "unbounded",
          discard: true
        })
      })
    })
  )

  /** Open for a relay's services; what is in flight on disk when it is built was left there by a crash. */
  static readonly layer = Outbox.layerNoDeps.pipe(Layer.provide(SqliteStore.layer))
}

const observed = Effect.fnUntraced(function*(counters: Counters) {
  const { id: relay } = yield* RelayTarget
  const entries = (state: string, read: () => number) => Metrics.observed(Metrics.outboxEntries, { relay, state }, read)
  yield* entries("held", () => counters.of("held", "parked"))
  for (const state of ["pending", "inflight", "dead", "delivered"] as const) {
    yield* entries(state, () => counters.of(state))
  }
  yield* Metrics.observed(Metrics.outboxBytes, { relay }, () => counters.bytes())
  yield* Metrics.observed(
    Metrics.outboxOldestAge,
    { relay },
    (now) => Math.max(0, now - (counters.oldestAt() ?? now)) / 1_000
  )
})
