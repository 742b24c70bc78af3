/**
 * The order of calls within each lane, and which lane is next (BEHAVIOUR 5, "Order").
 *
 * In memory, and changed only by plain functions, so that no two fibers ever see a lane between two states. Commits tell
 * it what waits on disk. A lane that is idle costs nothing: it is forgotten.
 */
import { Deferred, Effect, Latch } from "effect"
import { AgentName } from "../../domain/Ids.ts"
import type { Change, RowState } from "../store/Row.ts"
import { type Lane, noRefusals, type Place, type Turn } from "./Lane.ts"

const inBacklog = (state: RowState | undefined): boolean => state === "pending" || state === "held"

const give = (place: Place, turn: Turn): void => {
  Deferred.doneUnsafe(place.turn, Effect.succeed(turn))
}

export class Lanes {
  private readonly lanes = new Map<string, Lane>()
  private readonly ready = new Set<Lane>()
  private readonly later = new Set<Lane>()
  private readonly wakes = Latch.makeUnsafe(false)
  private lastSeq = 0
  private closed = false

  /** Whatever may let a lane go on. */
  readonly wake = (): void => {
    this.wakes.openUnsafe()
  }

  /** Returns once `wake` was called since it last returned. */
  readonly woken: Effect.Effect<void> = Effect.map(this.wakes.await, () => {
    this.wakes.closeUnsafe()
  })

  /** The last place that is taken on disk; places are given out from there. */
  startAfter(seq: number): void {
    this.lastSeq = seq
  }

  nextSeq(): number {
    return ++this.lastSeq
  }

  /** A call arrives: it goes live, to disk, or waits in line. Without `mayGoLive` (link Down) it goes to disk. */
  arrive(name: string, agent: AgentName, mayGoLive: boolean): Place {
    const lane = this.laneCalled(name, agent)
    const place: Place = { lane, seq: this.nextSeq(), turn: Deferred.makeUnsafe() }
    lane.waiting.push(place)
    if (!mayGoLive || lane.backlog > 0 || lane.entering.size > 0) this.flush(lane)
    else this.arrange(lane)
    return place
  }

  /** All that wait in the lane go to disk, in order. */
  flush(lane: Lane): void {
    for (const place of lane.waiting.splice(0)) {
      lane.entering.add(place.seq)
      give(place, "queue")
    }
  }

  flushAll(): void {
    for (const lane of this.lanes.values()) this.flush(lane)
  }

  /**
   * Nobody gets a turn any more. Where the outbox ends, what is in flight departs without an outcome, and whoever is
   * behind it must not overtake it.
   */
  close(): void {
    this.closed = true
  }

  /** Whatever the call was doing, waiting, going to disk or in flight, it no longer does. */
  depart(place: Place): void {
    const { lane, seq } = place
    const at = lane.waiting.indexOf(place)
    if (at >= 0) lane.waiting.splice(at, 1)
    else if (!lane.entering.delete(seq)) lane.busy = false
    lane.changes++
    if (lane.notBefore === Infinity) lane.notBefore = 0
    this.arrange(lane)
  }

  /** The entry in flight has ended. */
  release(lane: Lane): void {
    lane.busy = false
    this.arrange(lane)
  }

  /** A commit changed what waits on disk. */
  moved({ from, row, to }: Change): void {
    if (!inBacklog(from) && !inBacklog(to)) return
    const lane = this.laneCalled(row.lane, AgentName.make(row.agent))
    lane.backlog += Number(inBacklog(to)) - Number(inBacklog(from))
    // A new entry goes behind the head; anything else may have changed which entry that is.
    if (from !== undefined) lane.notBefore = 0
    lane.changes++
    if (lane.backlog > 0) this.flush(lane)
    this.arrange(lane)
  }

  /** The next lane whose head may be sent; it is busy from then on. */
  claim(now: number): Lane | undefined {
    for (const lane of this.later) {
      if (lane.notBefore > now) continue
      lane.notBefore = 0
      this.arrange(lane)
    }
    const next = this.ready.values().next().value
    if (next === undefined) return undefined
    this.ready.delete(next)
    next.busy = true
    return next
  }

  /** Whether a lane waits for a worker. */
  isAnyReady(now: number): boolean {
    return this.ready.size > 0 || this.dueAt() <= now
  }

  /** Ask the disk again about the lanes of an agent. */
  recheck(agent: AgentName): void {
    for (const lane of this.lanes.values()) {
      if (lane.agent !== agent) continue
      lane.notBefore = 0
      lane.changes++
      this.arrange(lane)
    }
  }

  /** When a lane that stands still may go on. */
  dueAt(): number {
    let due = Infinity
    for (const lane of this.later) due = Math.min(due, lane.notBefore)
    return due
  }

  /** Those in which something waits or is on its way. */
  all(): Iterable<Lane> {
    return this.lanes.values()
  }

  private laneCalled(name: string, agent: AgentName): Lane {
    const known = this.lanes.get(name)
    if (known !== undefined) return known
    const lane: Lane = {
      name,
      agent,
      busy: false,
      backlog: 0,
      entering: new Set(),
      waiting: [],
      notBefore: 0,
      changes: 0,
      refusals: noRefusals
    }
    this.lanes.set(name, lane)
    return lane
  }

  private arrange(lane: Lane): void {
    if (this.closed) return
    this.ready.delete(lane)
    this.later.delete(lane)
    if (lane.backlog === 0) lane.notBefore = 0
    if (lane.busy) return
    if (lane.backlog > 0) {
      ;(lane.notBefore === 0 ? this.ready : this.later).add(lane)
      return this.wake()
    }
    if (lane.entering.size > 0) return
    const next = lane.waiting.shift()
    if (next === undefined) return void this.lanes.delete(lane.name)
    lane.busy = true
    give(next, "live")
  }
}
