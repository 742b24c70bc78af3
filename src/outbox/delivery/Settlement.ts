/**
 * Puts the verdict on an attempt on disk, and tells whoever watches.
 *
 * A disk that fails is waited for: the entry stays in flight and its lane stands still, so that nothing is sent again
 * because its outcome could not be written down.
 */
import { Clock, Context, Effect, Layer, Metric, PubSub, Schedule, Stream } from "effect"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { Entry } from "../Entry.ts"
import type { Lane } from "../Lane.ts"
import { pauseAfter, type Standing, standing, standingAfter } from "../Standing.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import { ofFailure, Verdict } from "./Verdict.ts"

const untilWritable = Effect.retry(Schedule.spaced("1 second"))

export interface InFlight {
  readonly entry: Entry
  /** Counted retries before this attempt. */
  readonly failures: number
}

export class Settlement extends Context.Service<Settlement, {
  /** The verdict on a failed attempt, once the failure was looked into. */
  readonly ofFailure: (failure: RelayFailure, onUnknown: "resend" | "dead") => Effect.Effect<Verdict>
  /** Settles an entry in flight. `told`: its agent gets the relay's words itself. */
  readonly settle: (lane: Lane, attempt: InFlight, verdict: Verdict, told?: boolean) => Effect.Effect<void>
  /** Tells of dead letters that are on disk already. */
  readonly died: (entries: ReadonlyArray<Entry>) => Effect.Effect<void>
  /** Each entry once it is delivered; what happened before the stream was run is not in it. */
  readonly delivered: Stream.Stream<Entry>
  readonly deadLetters: Stream.Stream<Entry>
}>()("holdfast/outbox/Settlement") {
  static readonly layerNoDeps = Layer.effect(
    Settlement,
    Effect.gen(function*() {
      const { outbox } = yield* Settings
      const { id: relay } = yield* RelayTarget
      const store = yield* OutboxStore
      const link = yield* RelayLink
      const delivered = yield* PubSub.unbounded<Entry>()
      const deadLetters = yield* PubSub.unbounded<Entry>()
      const deliveries = Metric.withAttributes(Metrics.outboxDeliveries, { relay })
      yield* Metrics.declare(Metrics.outboxDeliveries, { relay })
      yield* Metrics.declare(Metrics.outboxDeadLetters, { relay })
      const deaths = Metric.withAttributes(Metrics.outboxDeadLetters, { relay })

      const died = Effect.fnUntraced(function*(entries: ReadonlyArray<Entry>) {
        yield* Metric.update(deaths, entries.length)
        yield* PubSub.publishAll(deadLetters, entries)
      })

      /** After refusals in a row that are alike a lane goes slower, so that a broken caller's queue is not burnt. */
      const pace = Effect.fnUntraced(function*(lane: Lane, verdict: Verdict, now: number) {
        if (verdict._tag === "Delivered") lane.refusals = { why: "", inARow: 0 }
        if (verdict._tag !== "Refused") return
        const { why } = verdict
        lane.refusals = { why, inARow: why === lane.refusals.why ? lane.refusals.inARow + 1 : 1 }
        const pause = pauseAfter(lane.refusals.inARow)
        if (pause === 0) return
        const words = `waits ${pause / 1000} s after ${lane.refusals.inARow} equal refusals in a row: ${why}`
        yield* untilWritable(store.pause(lane.name, now + pause, words))
      })

      const publish = (entry: Entry) => {
        if (entry.state === "dead") return died([entry])
        if (entry.state !== "delivered") return Effect.void
        return Effect.andThen(Metric.update(deliveries, 1), PubSub.publish(delivered, entry))
      }

      return Settlement.of({
        ofFailure: (failure, onUnknown) =>
          Effect.map(link.state, (state) => ofFailure(failure, onUnknown, state._tag === "Up")),
        settle: Effect.fn("Settlement.settle")(
          function*(lane, { entry, failures }, verdict, told = false) {
            const now = Math.floor(yield* Clock.currentTimeMillis)
            const after: Standing = {
              ...standingAfter(verdict, { attempts: entry.attempts, failures }, now, outbox),
              told
            }
            yield* untilWritable(store.settle(entry, after))
            yield* pace(lane, verdict, now)
            yield* publish(standing(entry, after))
          },
          Effect.orDie
        ),
        died,
        delivered: Stream.fromPubSub(delivered),
        deadLetters: Stream.fromPubSub(deadLetters)
      })
    })
  )
}
