/**
 * The order of calls within each lane, and which lane is next (BEHAVIOUR 5, "Order").
 *
 * In memory, and changed only by plain functions, so that no two fibers ever see a lane between two states. What waits
 * on disk it knows from the commits themselves. A lane that is idle costs nothing: it is forgotten.
 */
import { Context, Deferred, Effect, Layer, Queue } from "effect"
import { AgentName } from "../domain/Ids.ts"
import type { Lane, Place, Turn } from "./Lane.ts"
import type { Change, RowState } from "./store/Row.ts"

const inBacklog = (state: RowState | undefined): boolean => state === "pending" || state === "held"

const answer = (place: Place, turn: Turn): void => {
  Deferred.doneUnsafe(place.turn, Effect.succeed(turn))
}

export class Lanes extends Context.Service<Lanes, {
  /** The last place that is taken on disk; places are given out from there. */
  readonly startAfter: (seq: number) => void
  readonly nextSeq: () => number
  /** A call arrives: it goes live, to disk, or waits in line. Without `mayGoLive` (link Down) it goes to disk. */
  readonly arrive: (name: string, agent: AgentName, mayGoLive: boolean) => Place
  /** All that wait in the lane go to disk, in order. */
  readonly flush: (lane: Lane) => void
  readonly flushAll: () => void
  /** Whatever the call was doing, waiting, going to disk or in flight, it no longer does. */
  readonly depart: (place: Place) => void
  /** The entry in flight has ended. */
  readonly release: (lane: Lane) => void
  /** A commit changed what waits on disk. */
  readonly moved: (change: Change) => void
  /** The next lane whose head may be sent; it is busy from then on. */
  readonly claim: (now: number) => Lane | undefined
  /** Ask the disk again about the lanes of an agent. */
  readonly recheck: (agent: AgentName) => void
  /** When a lane that stands still may go on. */
  readonly dueAt: () => number
  /** Whatever may let a lane go on. */
  readonly stir: () => void
  /** Returns once something stirred since it last returned. */
  readonly stirred: Effect.Effect<void>
}>()("holdfast/outbox/Lanes") {
  static readonly layer = Layer.effect(
    Lanes,
    Effect.map(Queue.sliding<void>(1), (stirs) => {
      const lanes = new Map<string, Lane>()
      const ready = new Set<Lane>()
      const later = new Set<Lane>()
      let lastSeq = 0

      const stir = () => {
        Queue.offerUnsafe(stirs, undefined)
      }
      const laneCalled = (name: string, agent: AgentName): Lane => {
        const known = lanes.get(name)
        if (known !== undefined) return known
        const refusals = { why: "", inARow: 0 }
        const lane: Lane = {
          name,
          agent,
          busy: false,
          backlog: 0,
          entering: new Set(),
          waiting: [],
          notBefore: 0,
          changes: 0,
          refusals
        }
        lanes.set(name, lane)
        return lane
      }
      const arrange = (lane: Lane) => {
        ready.delete(lane)
        later.delete(lane)
        if (lane.backlog === 0) lane.notBefore = 0
        if (lane.busy) return
        if (lane.backlog > 0) {
          ;(lane.notBefore === 0 ? ready : later).add(lane)
          return stir()
        }
        if (lane.entering.size > 0) return
        const next = lane.waiting.shift()
        if (next === undefined) return void lanes.delete(lane.name)
        lane.busy = true
        answer(next, "live")
      }
      const flush = (lane: Lane) => {
        for (const place of lane.waiting.splice(0)) {
          lane.entering.add(place.seq)
          answer(place, "queue")
        }
      }

      return Lanes.of({
        startAfter: (seq) => {
          lastSeq = seq
        },
        nextSeq: () => ++lastSeq,
        arrive: (name, agent, mayGoLive) => {
          const lane = laneCalled(name, agent)
          const place: Place = { lane, seq: ++lastSeq, turn: Deferred.makeUnsafe() }
          lane.waiting.push(place)
          if (!mayGoLive || lane.backlog > 0 || lane.entering.size > 0) flush(lane)
          else arrange(lane)
          return place
        },
        flush,
        flushAll: () => {
          for (const lane of lanes.values()) flush(lane)
        },
        depart: (place) => {
          const { lane, seq } = place
          const at = lane.waiting.indexOf(place)
          if (at >= 0) lane.waiting.splice(at, 1)
          else if (!lane.entering.delete(seq)) lane.busy = false
          lane.changes++
          if (lane.notBefore === Infinity) lane.notBefore = 0
          arrange(lane)
        },
        release: (lane) => {
          lane.busy = false
          arrange(lane)
        },
        moved: ({ from, slip, to }) => {
          if (!inBacklog(from) && !inBacklog(to)) return
          const lane = laneCalled(slip.lane, AgentName.make(slip.agent))
          lane.backlog += Number(inBacklog(to)) - Number(inBacklog(from))
          // A new entry goes behind the head; anything else may have changed which entry that is.
          if (from !== undefined) lane.notBefore = 0
          lane.changes++
          if (lane.backlog > 0) flush(lane)
          arrange(lane)
        },
        claim: (now) => {
          for (const lane of later) {
            if (lane.notBefore > now) continue
            lane.notBefore = 0
            arrange(lane)
          }
          const next = ready.values().next().value
          if (next === undefined) return undefined
          ready.delete(next)
          next.busy = true
          return next
        },
        recheck: (agent) => {
          for (const lane of lanes.values()) {
            if (lane.agent !== agent) continue
            lane.notBefore = 0
            lane.changes++
            arrange(lane)
          }
        },
        dueAt: () => {
          let due = Infinity
          for (const lane of later) due = Math.min(due, lane.notBefore)
          return due
        },
        stir,
        stirred: Queue.take(stirs)
      })
    })
  )
}
