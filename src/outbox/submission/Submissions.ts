/**
 * The way of a call through the outbox (BEHAVIOUR 5): known already, live, or queued; one call of a lane at a time.
 *
 * Each runs in the outbox's own scope. The same call again joins the one that is under way.
 */
import { Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Option } from "effect"
import { randomUUID } from "node:crypto"
import { Settings } from "../../config/Settings.ts"
import type { AgentName, SessionId } from "../../domain/Ids.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { BufferableCall, Submission } from "../Call.ts"
import { laneOf, type Place } from "../Lane.ts"
import { Lanes } from "../Lanes.ts"
import { OutboxRefused } from "../OutboxRefused.ts"
import { waiting } from "../Standing.ts"
import { wireOf } from "../Wire.ts"
import { Acceptance } from "./Acceptance.ts"
import { idempotencyKey } from "./IdempotencyKey.ts"
import { keyReused, KnownCalls } from "./KnownCalls.ts"
import { LiveAttempt } from "./LiveAttempt.ts"
import { onUnknownFor } from "./onUnknown.ts"
import { callName, type Live, type Reply, requestName, type Submitted, toldTo } from "./Submission.ts"

export class Submissions extends Context.Service<Submissions, {
  readonly submit: (call: BufferableCall, live: Live) => Effect.Effect<Submission, OutboxRefused>
  readonly cancel: (session: SessionId, requestId: string) => Effect.Effect<Option.Option<string>>
  /** How many of the agent's calls have no answer yet, be it that they are queued. */
  readonly underWay: (agent: AgentName) => number
  /** Nothing more is accepted; what is under way goes to disk. Returns once everybody who waits was told. */
  readonly stop: Effect.Effect<void>
}>()("holdfast/outbox/Submissions") {
  static readonly layerNoDeps = Layer.effect(
    Submissions,
    Effect.gen(function*() {
      const { outbox } = yield* Settings
      const link = yield* RelayLink
      const lanes = yield* Lanes
      const known = yield* KnownCalls
      const acceptance = yield* Acceptance
      const liveAttempt = yield* LiveAttempt
      const scope = yield* Effect.scope
      const underWay = new Map<string, Submitted>()
      const requests = new Map<string, Submitted>()
      const fibers = new Set<Fiber.Fiber<void, OutboxRefused>>()
      const stopped = yield* Deferred.make<void>()
      const stopping = Deferred.await(stopped)

      const sayUnsafe = (submitted: Submitted, reply: Exit.Exit<Reply, OutboxRefused>) => {
        if (Deferred.isDoneUnsafe(submitted.reply)) return
        underWay.delete(submitted.name)
        for (const request of submitted.askedBy) requests.delete(request)
        // Last: who waits for it goes on at once, and may ask again.
        Deferred.doneUnsafe(submitted.reply, reply)
      }
      const say = (submitted: Submitted, reply: Exit.Exit<Reply, OutboxRefused>) =>
        Effect.sync(() => sayUnsafe(submitted, reply))

      const turn = (place: Place) =>
        Effect.timeoutOrElse(Deferred.await(place.turn), {
          duration: outbox.waitForLane,
          orElse: () => Effect.andThen(Effect.sync(() => lanes.flush(place.lane)), Deferred.await(place.turn))
        })

      const enqueue = Effect.fnUntraced(function*(submitted: Submitted, place: Place) {
        submitted.phase = "accepting"
        const now = Math.floor(yield* Clock.currentTimeMillis)
        const entry = yield* acceptance.accept(submitted, place, 0, waiting(now))
        return yield* acceptance.acknowledge(entry, place.lane.backlog + (place.lane.busy ? 1 : 0))
      })

      const take = Effect.fnUntraced(function*(submitted: Submitted, place: Place) {
        if ((yield* turn(place)) === "queue") {
          return yield* say(submitted, Exit.succeed(yield* enqueue(submitted, place)))
        }
        submitted.phase = "live"
        yield* liveAttempt.run(submitted, place, stopping, (reply) => say(submitted, Exit.succeed(reply)))
      })

      const run = Effect.fn("Outbox.submit")(function*(submitted: Submitted) {
        const found = yield* known.find(submitted)
        if (Option.isSome(found)) return yield* say(submitted, Exit.succeed(found.value))
        const up = (yield* link.state)._tag === "Up" && !Deferred.isDoneUnsafe(stopped)
        yield* Effect.acquireUseRelease(
          Effect.sync(() => lanes.arrive(submitted.draft.lane, submitted.draft.call.agent, up)),
          (place) => take(submitted, place),
          (place) => Effect.sync(() => lanes.depart(place))
        )
      })

      const begin = Effect.fnUntraced(function*(submitted: Submitted) {
        underWay.set(submitted.name, submitted)
        const fiber = yield* Effect.forkIn(run(submitted), scope)
        submitted.fiber = fiber
        fibers.add(fiber)
        // An observer and not a finalizer: also a fiber that ends before it has begun owes an answer.
        fiber.addObserver((exit) => {
          fibers.delete(fiber)
          sayUnsafe(submitted, Exit.isFailure(exit) ? Exit.failCause(exit.cause) : Exit.interrupt())
        })
      })

      return Submissions.of({
        submit: (call, live) =>
          // Whoever joins must find a call that runs, so nothing may come between its being known and its start.
          Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
            if (Deferred.isDoneUnsafe(stopped)) {
              return yield* new OutboxRefused({
                reason: "stopping",
                detail: "Holdfast is stopping: nothing was accepted"
              })
            }
            const now = Math.floor(yield* Clock.currentTimeMillis)
            const key = idempotencyKey(call, outbox.callIds, randomUUID())
            const name = callName(call, key)
            const running = underWay.get(name)
            if (running !== undefined && running.key.argumentsHash !== key.argumentsHash) {
              return yield* keyReused(key.key)
            }
            const submitted = running ?? fresh(call, live, key, name, now)
            const request = requestName(call.session, call.asked ?? call.request.id)
            submitted.askedBy.add(request)
            requests.set(request, submitted)
            if (running === undefined) yield* begin(submitted)
            const reply = yield* restore(Deferred.await(submitted.reply))
            return toldTo(call, submitted.draft.wire.id, reply, running !== undefined)
          })),
        cancel: Effect.fnUntraced(function*(session, requestId) {
          const request = requestName(session, requestId)
          const submitted = requests.get(request)
          if (submitted === undefined || submitted.phase === "accepting") return Option.none()
          requests.delete(request)
          submitted.askedBy.delete(request)
          if (submitted.askedBy.size > 0) return Option.none()
          const { phase } = submitted
          submitted.fiber?.interruptUnsafe()
          return phase === "live" ? Option.some(submitted.draft.wire.id) : Option.none()
        }),
        underWay: (agent) => [...underWay.values()].filter(({ draft }) => draft.call.agent === agent).length,
        stop: Effect.gen(function*() {
          yield* Deferred.succeed(stopped, undefined)
          lanes.flushAll()
          const told = Effect.forEach([...underWay.values()], ({ reply }) => Effect.exit(Deferred.await(reply)), {
            concurrency: "unbounded"
          })
          // Those that were handed over earlier may still be settled by their answers.
          yield* Effect.all([told, Effect.timeoutOption(Fiber.awaitAll(fibers), "5 seconds")], {
            concurrency: "unbounded",
            discard: true
          })
        })
      })

      function fresh(
        call: BufferableCall,
        live: Live,
        key: Submitted["key"],
        name: string,
        occurredAt: number
      ): Submitted {
        const wire = wireOf(call, key, randomUUID())
        return {
          name,
          key,
          live,
          draft: {
            call,
            wire,
            argumentsHash: key.argumentsHash,
            lane: laneOf(call, outbox),
            bytes: Buffer.byteLength(wire.text),
            onUnknown: onUnknownFor(call, outbox.onUnknown),
            occurredAt
          },
          reply: Deferred.makeUnsafe(),
          askedBy: new Set(),
          phase: "waiting",
          fiber: undefined
        }
      }
    })
  )
}
