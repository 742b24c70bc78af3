/**
 * Delivers what is queued (BEHAVIOUR 5, "Delivery"): a dispatcher gives the heads of ready lanes to workers, only while
 * the link is Up, and at first few at a time.
 *
 * What is sent is what is stored, byte for byte, under its key. An entry is in flight on disk before it is sent.
 */
import { Cause, Clock, Context, Deferred, Duration, Effect, Exit, Layer, Queue, Stream } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as Envelope from "../../domain/Envelope.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import type { Entry } from "../Entry.ts"
import type { Lane } from "../Lane.ts"
import { Lanes } from "../Lanes.ts"
import { OutboxKeeping } from "../store/OutboxKeeping.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import { idOf } from "../Wire.ts"
import { OutboxSessions } from "./OutboxSessions.ts"
import { nextStepAt, workersAt } from "./RampUp.ts"
import { Settlement } from "./Settlement.ts"
import { ofAnswer, type Verdict } from "./Verdict.ts"

/** How long a lane rests whose head could not be read or claimed. */
const afterStorageFailure = 1_000

export class Delivery extends Context.Service<Delivery, {
  /** Nothing more is taken up; returns once nothing is under way. */
  readonly stop: Effect.Effect<void>
}>()("holdfast/outbox/Delivery") {
  static readonly layerNoDeps = Layer.effect(
    Delivery,
    Effect.gen(function*() {
      const { link: { callTimeout }, outbox } = yield* Settings
      const client = yield* RelayClient
      const link = yield* RelayLink
      const token = yield* LiveToken
      const sessions = yield* OutboxSessions
      const store = yield* OutboxStore
      const keeping = yield* OutboxKeeping
      const settlement = yield* Settlement
      const lanes = yield* Lanes
      const { supervise } = yield* Supervisor
      const work = yield* Queue.unbounded<Lane>()
      const idle = yield* Deferred.make<void>()
      let active = 0
      let stopping = false

      /** Whether a failure counts depends on whose it was, so the link's verdict is waited for; it joins a running one. */
      const lookedInto = (failure: RelayFailure) =>
        failure.downClass
          ? Effect.flatMap(Clock.currentTimeMillis, (now) => link.report(failure, now))
          : Effect.void

      const attempt = Effect.fn("Outbox.attempt")(
        function*(entry: Entry): Effect.fn.Return<Verdict, RelayFailure> {
          const id = idOf(entry.request)
          return yield* Effect.scoped(Effect.gen(function*() {
            const session = yield* sessions.get(entry.agent, Envelope.isIn(entry.request) ? "modern" : "legacy")
            const answer = yield* client.request(session, {
              text: entry.request,
              id,
              headers: { "idempotency-key": entry.key },
              principal: entry.principal,
              timeout: Duration.toMillis(callTimeout)
            })
            if (answer.body._tag === "Whole") {
              const { headers, status } = answer
              return ofAnswer(
                { status, text: answer.body.text, retryAfterMillis: retryAfter(headers) },
                id,
                entry.onUnknown
              )
            }
            return yield* new RelayFailure({ reason: new AnswerCutOff({ detail: "it is larger than 16 MiB" }) })
          }))
        },
        (effect, entry) =>
          Effect.catch(
            effect,
            (failure) => Effect.andThen(lookedInto(failure), settlement.ofFailure(failure, entry.onUnknown))
          )
      )

      const deliver = Effect.fnUntraced(function*(lane: Lane) {
        const principal = yield* token.principal(lane.agent)
        const { changes } = lane
        const claim = yield* store.claim(lane.name, principal, Math.min(...lane.entering))
        switch (claim._tag) {
          case "Empty":
            return
          case "Later":
            // Where something happened meanwhile nobody will come to say so again: the disk is asked once more.
            if (lane.changes === changes) lane.notBefore = claim.at
            return
          case "Elsewhere":
            return yield* keeping.rebind(lane.agent, principal)
          case "Claimed": {
            const exit = yield* Effect.exit(attempt(claim.entry))
            if (Exit.isSuccess(exit)) return yield* settlement.settle(lane, claim, exit.value)
            if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
            // A defect of ours: the relay may have acted on it. Settled like any other, and then told.
            const failure = new RelayFailure({
              reason: new AnswerCutOff({ detail: "an attempt failed inside Holdfast" })
            })
            yield* settlement.settle(lane, claim, yield* settlement.ofFailure(failure, claim.entry.onUnknown))
            return yield* Effect.failCause(exit.cause)
          }
        }
      })

      const done = (lane: Lane) =>
        Effect.sync(() => {
          active--
          lanes.release(lane)
          lanes.stir()
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
        const now = yield* Clock.currentTimeMillis
        const most = stopping ? 0 : workersAt(state, now, outbox.workers)
        while (active < most) {
          const lane = lanes.claim(now)
          if (lane === undefined) break
          active++
          Queue.offerUnsafe(work, lane)
        }
        // A lane that is due but finds nobody free is taken up when somebody is: that stirs.
        const due = active < most ? lanes.dueAt() : Infinity
        const next = Math.min(due, nextStepAt(state, now, outbox.workers))
        yield* next === Infinity ? lanes.stirred : Effect.timeoutOption(lanes.stirred, Math.max(0, next - now))
      })

      for (let index = 1; index <= outbox.workers; index++) yield* supervise(`outbox-worker-${index}`)(worker)
      yield* supervise("outbox-dispatcher")(Effect.forever(dispatch))
      yield* link.changes.pipe(
        Stream.runForEach((state) =>
          Effect.sync(() => {
            if (state._tag === "Down") lanes.flushAll()
            lanes.stir()
          })
        ),
        supervise("outbox-link")
      )

      return Delivery.of({
        stop: Effect.suspend(() => {
          stopping = true
          return active === 0 ? Effect.void : Deferred.await(idle)
        })
      })
    })
  )
}

/** Seconds; the form with a date is only told by failures. */
const retryAfter = (headers: Readonly<Record<string, string>>): number | undefined => {
  const seconds = headers["retry-after"]
  return seconds !== undefined && /^\d+$/.test(seconds) ? Number(seconds) * 1_000 : undefined
}
