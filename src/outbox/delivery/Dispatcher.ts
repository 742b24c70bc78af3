/**
 * Delivers what is queued (BEHAVIOUR 5, "Delivery"): a dispatcher gives the heads of ready lanes to workers, only while
 * the link is Up, and at first few at a time.
 *
 * An entry is in flight on disk before it is sent.
 */
import { Cause, Clock, Deferred, Effect, Exit, Queue, Stream } from "effect"
import { Settings } from "../../config/Settings.ts"
import { type LinkState, RelayLink } from "../../relay/link/RelayLink.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import * as Attempt from "./Attempt.ts"
import { firstEntering, type Lane } from "./Lane.ts"
import type { Lanes } from "./Lanes.ts"
import type { Settlement } from "./Settlement.ts"
import { brokenInside, ofFailure } from "./Verdict.ts"

/** How long a lane rests whose head could not be read or claimed. */
const afterStorageFailure = 1_000
/** After an outage there is one worker; each step doubles them. */
const rampUpStep = 1_000

const stepsSince = (link: LinkState, now: number): number => Math.max(0, Math.floor((now - link.since) / rampUpStep))

const workersAt = (link: LinkState, now: number, max: number): number =>
  link._tag === "Down" ? 0 : Math.min(max, 2 ** stepsSince(link, now))

/** When there may be more of them; never, once there are as many as there will be. */
const nextStepAt = (link: LinkState, now: number, max: number): number =>
  link._tag === "Down" || workersAt(link, now, max) >= max
    ? Infinity
    : link.since + (stepsSince(link, now) + 1) * rampUpStep

/** Gives how to stop it: nothing more is taken up, and `stop` returns once nothing is under way. */
export const make = Effect.fnUntraced(function*(lanes: Lanes, { settle, settleAndClaim }: Settlement) {
  const { outbox: { workers } } = yield* Settings
  const link = yield* RelayLink
  const token = yield* LiveToken
  const store = yield* OutboxStore
  const deadlines = yield* Deadlines
  const { supervise } = yield* Supervisor
  const attempt = yield* Attempt.make
  const clock = yield* Clock.Clock
  const work = yield* Queue.unbounded<Lane>()
  const idle = yield* Deferred.make<void>()
  let active = 0
  let stopping = false

  /** Whether a worker may stay with its lane, which saves a commit: no other lane waits for it. */
  const mayStay = Effect.gen(function*() {
    const now = Math.floor(yield* Clock.currentTimeMillis)
    return !stopping && active <= workersAt(yield* link.state, now, workers) && !lanes.isAnyReady(now)
  })

  const deliver = Effect.fnUntraced(function*(lane: Lane) {
    let principal = yield* token.principal(lane.agent)
    let { changes } = lane
    let claim = yield* store.claim(lane.name, principal, firstEntering(lane))
    while (claim._tag === "Claimed") {
      const { entry, failures } = claim
      const sentAt = clock.currentTimeMillisUnsafe()
      lane.lastAttempt = undefined
      const exit = yield* Effect.exit(attempt(entry))
      lane.lastAttempt = { at: Math.floor(sentAt), millis: clock.currentTimeMillisUnsafe() - sentAt }
      if (Exit.isFailure(exit)) {
        if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
        // Settled like any other, and then the supervisor hears of it.
        const linkUp = (yield* link.state)._tag === "Up"
        yield* settle(lane, entry, failures, ofFailure(brokenInside, entry.onUnknown, linkUp), false)
        return yield* Effect.failCause(exit.cause)
      }
      const verdict = exit.value
      if (verdict._tag !== "Delivered" || !(yield* mayStay)) return yield* settle(lane, entry, failures, verdict, false)
      principal = yield* token.principal(lane.agent)
      changes = lane.changes
      claim = yield* settleAndClaim(lane, entry, failures, verdict, principal)
    }
    if (claim._tag === "Elsewhere") return yield* store.rebind(lane.agent, principal)
    // Where something happened meanwhile nobody will come to say so again: the disk is asked once more.
    if (claim._tag === "Later" && lane.changes === changes) lane.notBefore = claim.at
  })

  const done = (lane: Lane) =>
    Effect.sync(() => {
      active--
      lanes.release(lane)
      lanes.wake()
      if (stopping && active === 0) Deferred.doneUnsafe(idle, Effect.void)
    })

  const worker = Queue.take(work).pipe(
    Effect.flatMap((lane) =>
      deliver(lane).pipe(
        Effect.catchTag("SqlError", () =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            lane.notBefore = now + afterStorageFailure
          })),
        Effect.ensuring(done(lane))
      )
    ),
    Effect.forever
  )

  const dispatch = Effect.gen(function*() {
    const state = yield* link.state
    const now = Math.floor(yield* Clock.currentTimeMillis)
    const max = stopping ? 0 : workersAt(state, now, workers)
    while (active < max) {
      const lane = lanes.claim(now)
      if (lane === undefined) break
      active++
      Queue.offerUnsafe(work, lane)
    }
    // A lane that is due but finds nobody free is taken up when somebody is: that wakes.
    const due = active < max ? lanes.dueAt() : Infinity
    const next = Math.min(due, nextStepAt(state, now, workers))
    if (next === Infinity) return yield* lanes.woken
    const deadline = deadlines.after(Math.max(0, next - now), lanes.wake)
    yield* lanes.woken
    deadline.cancel()
  })

  for (let index = 1; index <= workers; index++) yield* supervise(`outbox-worker-${index}`)(worker)
  yield* supervise("outbox-dispatcher")(Effect.forever(dispatch))
  yield* link.changes.pipe(
    Stream.runForEach((state) =>
      Effect.sync(() => {
        if (state._tag === "Down") lanes.flushAll()
        lanes.wake()
      })
    ),
    supervise("outbox-link")
  )

  return {
    stop: Effect.suspend(() => {
      stopping = true
      return active === 0 ? Effect.void : Deferred.await(idle)
    })
  }
})
