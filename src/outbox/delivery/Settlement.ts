/**
 * Puts the verdict on an attempt on disk, and tells whoever watches.
 *
 * A disk that fails is waited for: the entry stays in flight and its lane stands still, so that nothing is sent again
 * because its outcome could not be written down.
 */
import { Clock, Effect, Metric, PubSub, Schedule, Stream } from "effect"
import type { SqlError } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import type { PrincipalId } from "../../domain/Ids.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { dead, type Entry, type EntryUpdate, unknownOutcome, updated } from "../Entry.ts"
import { type Claim, OutboxStore } from "../store/OutboxStore.ts"
import { isRefusedBySchema } from "../store/Writer.ts"
import * as EntryHappenings from "./EntryHappenings.ts"
import { firstEntering, type Lane, noRefusals } from "./Lane.ts"
import * as Retries from "./Retries.ts"
import type { Verdict } from "./Verdict.ts"

const everySecond = {
  schedule: Schedule.spaced("1 second"),
  while: (error: SqlError.SqlError) => !isRefusedBySchema(error)
}

/** Nearly always the first attempt works, and needs no schedule. */
const untilWritable = <A>(write: Effect.Effect<A, SqlError.SqlError>) =>
  Effect.catchIf(
    write,
    everySecond.while,
    () => Effect.delay(Effect.retry(write, everySecond), "1 second")
  )

/** In the place of an update that the schema refuses, which no waiting mends: a lane does not stand still for it. */
const unstorable = (now: number, { failures }: EntryUpdate) => {
  const why = "what the relay answered could not be stored"
  return dead(now, unknownOutcome(why), { failures, lastError: why })
}

export interface Settlement {
  /** Settles an entry in flight, of which so many retries were counted. `reported`: its agent gets the relay's words. */
  readonly settle: (
    lane: Lane,
    entry: Entry,
    failures: number,
    verdict: Verdict,
    reported: boolean
  ) => Effect.Effect<void>
  /** Settles one that was delivered, and goes on with its lane: both in one commit. */
  readonly settleAndClaim: (
    lane: Lane,
    entry: Entry,
    failures: number,
    verdict: Verdict,
    principal: PrincipalId
  ) => Effect.Effect<Claim>
  /** Tells of dead letters that are on disk already. */
  readonly died: (entries: ReadonlyArray<Entry>) => Effect.Effect<void>
  /** Each entry once it is delivered; what happened before the stream was run is not in it. */
  readonly delivered: Stream.Stream<Entry>
  readonly deadLetters: Stream.Stream<Entry>
}

export const make = Effect.gen(function*() {
  const { pauseAfter, updateAfter } = yield* Retries.make
  const { id: relay } = yield* RelayTarget
  const store = yield* OutboxStore
  const tell = yield* EntryHappenings.make
  const delivered = yield* PubSub.unbounded<Entry>()
  const deadLetters = yield* PubSub.unbounded<Entry>()
  yield* Metrics.declare(Metrics.outboxDeliveries, { relay })
  yield* Metrics.declare(Metrics.outboxDeadLetters, { relay })
  const deliveries = Metric.withAttributes(Metrics.outboxDeliveries, { relay })
  const deaths = Metric.withAttributes(Metrics.outboxDeadLetters, { relay })

  const published = Effect.fnUntraced(function*(entries: ReadonlyArray<Entry>) {
    yield* Metric.update(deaths, entries.length)
    yield* PubSub.publishAll(deadLetters, entries)
  })

  const died = (entries: ReadonlyArray<Entry>) => {
    for (const entry of entries) tell("call.dead", entry)
    return published(entries)
  }

  const publish = (entry: Entry, lane: Lane) => {
    if (entry.state === "dead") {
      tell("call.dead", entry, lane.lastAttempt)
      return published([entry])
    }
    if (entry.state === "held") tell("call.held", entry, lane.lastAttempt)
    if (entry.state !== "delivered") return Effect.void
    tell("call.delivered", entry, lane.lastAttempt)
    return Effect.andThen(Metric.update(deliveries, 1), PubSub.publish(delivered, entry))
  }

  /** After refusals in a row that are alike a lane goes slower, so that a broken caller's queue is not burnt. */
  const pace = Effect.fnUntraced(function*(lane: Lane, why: string, now: number) {
    lane.refusals = { why, inARow: why === lane.refusals.why ? lane.refusals.inARow + 1 : 1 }
    const pause = pauseAfter(lane.refusals.inARow)
    if (pause === 0) return
    const lastError = `waits ${pause / 1000} s after ${lane.refusals.inARow} equal refusals in a row: ${why}`
    yield* untilWritable(store.pause(lane.name, now + pause, lastError))
  })

  const settlement: Settlement = {
    settleAndClaim: Effect.fnUntraced(function*(lane, entry, failures, verdict, principal) {
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const update = updateAfter(verdict, { attempts: entry.attempts, failures }, now)
      const claim = yield* untilWritable(
        Effect.suspend(() => store.settleAndClaim(entry, update, principal, firstEntering(lane)))
      )
      lane.refusals = noRefusals
      yield* publish(updated(entry, update), lane)
      return claim
    }, Effect.orDie),
    settle: Effect.fnUntraced(function*(lane, entry, failures, verdict, reported) {
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const update = { ...updateAfter(verdict, { attempts: entry.attempts, failures }, now), reported }
      const stored = yield* untilWritable(Effect.as(store.settle(entry, update), update)).pipe(
        Effect.catchIf(isRefusedBySchema, () => {
          const instead = { ...unstorable(now, update), reported }
          return untilWritable(Effect.as(store.settle(entry, instead), instead))
        })
      )
      if (verdict._tag === "Delivered") lane.refusals = noRefusals
      if (verdict._tag === "Refused") yield* pace(lane, verdict.why, now)
      yield* publish(updated(entry, stored), lane)
    }, Effect.orDie),
    died,
    delivered: Stream.fromPubSub(delivered),
    deadLetters: Stream.fromPubSub(deadLetters)
  }
  return settlement
})
