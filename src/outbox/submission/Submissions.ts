/**
 * The way of a call through the outbox (BEHAVIOUR 5): known already, live, or queued; one call of a lane at a time.
 *
 * Each call has one fiber, in the outbox's own scope: it outlives the request that made the call. The same call again
 * joins the one that is under way.
 */
import { Clock, Deferred, Duration, Effect, Exit, FiberSet, Option } from "effect"
import { randomUUID } from "node:crypto"
import { Settings } from "../../config/Settings.ts"
import type { AgentName, SessionId } from "../../domain/Ids.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { type BufferableCall, onUnknownFor, OutboxRefused, type Submission, wireOf } from "../Call.ts"
import { laneOf, type Place } from "../delivery/Lane.ts"
import type { Lanes } from "../delivery/Lanes.ts"
import type { Settlement } from "../delivery/Settlement.ts"
import { pending } from "../Entry.ts"
import type { Acceptance } from "./Acceptance.ts"
import { CallsByName } from "./CallsByName.ts"
import { callName, type CallUnderWay, type Reply, requestName, submissionOf } from "./CallUnderWay.ts"
import { type IdempotencyKey, idempotencyKey, orderedUuid } from "./IdempotencyKey.ts"
import { keyReused, type KnownCalls } from "./KnownCalls.ts"
import * as LiveAttempt from "./LiveAttempt.ts"

export const make = Effect.fnUntraced(function*(room: {
  readonly acceptance: Acceptance
  readonly known: KnownCalls
  readonly lanes: Lanes
  readonly settlement: Settlement
}) {
  const { acceptance, known, lanes } = room
  const { outbox } = yield* Settings
  const link = yield* RelayLink
  const deadlines = yield* Deadlines
  const clock = yield* Clock.Clock
  const fibers = yield* FiberSet.make<unknown, unknown>()
  yield* Effect.addFinalizer(() => Effect.sync(() => lanes.close()))
  const underWay = new CallsByName<CallUnderWay>()
  const requests = new CallsByName<CallUnderWay>()
  const waitForLane = Duration.toMillis(outbox.waitForLane)
  const now = () => Math.floor(clock.currentTimeMillisUnsafe())
  let stopping = false
  const liveAttempt = yield* LiveAttempt.make({ ...room, fibers, isStopping: () => stopping })

  const turnOf = (place: Place) => {
    if (Deferred.isDoneUnsafe(place.turn)) return Deferred.await(place.turn)
    const deadline = deadlines.after(waitForLane, () => lanes.flush(place.lane))
    return Effect.ensuring(Deferred.await(place.turn), Effect.sync(() => deadline.cancel()))
  }

  const enqueue = Effect.fnUntraced(function*(call: CallUnderWay, place: Place) {
    call.phase = "accepting"
    const entry = yield* acceptance.accept(call, place, 0, pending(now()))
    const position = place.lane.backlog + (place.lane.busy ? 1 : 0)
    call.reply(Exit.succeed(yield* acceptance.acknowledge(entry, entry.agent, position)))
  })

  const inItsLane = (call: CallUnderWay): Effect.Effect<void, OutboxRefused> =>
    Effect.acquireUseRelease(
      Effect.map(
        link.state,
        ({ _tag }) => {
          const place = lanes.arrive(laneOf(call.call, outbox.lane), call.call.agent, _tag === "Up" && !stopping)
          if (call.call.place !== undefined) call.call.place.lane = place.lane.name
          return place
        }
      ),
      (place) =>
        Effect.flatMap(turnOf(place), (turn) => turn === "live" ? liveAttempt(call, place) : enqueue(call, place)),
      (place) => Effect.sync(() => lanes.depart(place))
    )

  const run = (call: CallUnderWay): Effect.Effect<void, OutboxRefused> =>
    // A key that was minted for this very call names no other.
    call.key.origin === "minted"
      ? inItsLane(call)
      : Effect.flatMap(
        known.find(call),
        (found) => found === undefined ? inItsLane(call) : Effect.sync(() => call.reply(Exit.succeed(found)))
      )

  const begin = (
    call: BufferableCall,
    live: CallUnderWay["live"],
    key: IdempotencyKey,
    name: string
  ): CallUnderWay => {
    const replied = Deferred.makeUnsafe<Reply, OutboxRefused>()
    const begun: CallUnderWay = {
      name,
      call,
      key,
      wire: wireOf(call, key.key, randomUUID()),
      onUnknown: onUnknownFor(call, outbox.onUnknown),
      occurredAt: now(),
      live,
      replied,
      reply: (exit) => {
        if (Deferred.isDoneUnsafe(replied)) return
        underWay.delete(name)
        for (const request of begun.askedBy) requests.delete(request)
        // Last: who waits for it goes on at once, and may ask again.
        Deferred.doneUnsafe(replied, exit)
      },
      askedBy: new Set(),
      phase: "waiting",
      fiber: undefined,
      deserted: false,
      attempt: undefined
    }
    underWay.set(name, begun)
    if (call.place !== undefined) call.place.key = key.key
    return begun
  }

  const start = (begun: CallUnderWay) =>
    Effect.map(FiberSet.run(fibers, run(begun)), (fiber) => {
      begun.fiber = fiber
      // Also a fiber that ends before it has begun owes an answer.
      fiber.addObserver((exit) => begun.reply(Exit.isFailure(exit) ? Exit.failCause(exit.cause) : Exit.interrupt()))
    })

  return {
    /** As `Outbox.submit`. */
    submit: (call: BufferableCall, live: CallUnderWay["live"]): Effect.Effect<Submission, OutboxRefused> =>
      // Whoever joins must find a call that runs, so nothing may come between its being known and its start.
      Effect.uninterruptibleMask((restore) => {
        if (stopping) {
          return Effect.fail(
            new OutboxRefused({ reason: "stopping", detail: "Holdfast is stopping: nothing was accepted" })
          )
        }
        const key = idempotencyKey(call, outbox.callIds, orderedUuid(now()))
        const name = callName(call, key)
        const running = underWay.get(name)
        if (running !== undefined && running.key.argumentsHash !== key.argumentsHash) {
          return Effect.fail(keyReused(key.key))
        }
        const joined = running ?? begin(call, live, key, name)
        const request = requestName(call.session, call.asked ?? call.request.id)
        joined.askedBy.add(request)
        requests.set(request, joined)
        const reply = Effect.map(
          restore(Deferred.await(joined.replied)),
          (reply) => submissionOf(call, joined.wire.id, reply, running !== undefined)
        )
        return running === undefined ? Effect.andThen(start(joined), reply) : reply
      }),

    /** As `Outbox.cancel`. */
    cancel: (session: SessionId, requestId: string): Effect.Effect<Option.Option<string>> =>
      Effect.sync(() => {
        const request = requestName(session, requestId)
        const call = requests.get(request)
        if (call === undefined || call.phase === "accepting") return Option.none()
        requests.delete(request)
        call.askedBy.delete(request)
        if (call.askedBy.size > 0) return Option.none()
        const { phase, wire } = call
        call.fiber?.interruptUnsafe()
        return phase === "live" ? Option.some(wire.id) : Option.none()
      }),

    /** As `Outbox.desert`. */
    desert: (session: SessionId, requestId: string): void => {
      const call = requests.get(requestName(session, requestId))
      if (call === undefined || call.askedBy.size > 1) return
      call.deserted = true
      call.attempt?.handOver(false)
    },

    /** How many of the agent's calls have no reply yet, be it that they are queued. */
    underWay: (agent: AgentName): number => underWay.all().filter(({ call }) => call.agent === agent).length,

    /** Nothing more is accepted; what is under way goes to disk. Returns once everybody who waits has a reply. */
    stop: Effect.suspend(() => {
      stopping = true
      lanes.flushAll()
      const calls = underWay.all()
      for (const call of calls) call.attempt?.handOver(true)
      const replies = Effect.forEach(calls, ({ replied }) => Effect.exit(Deferred.await(replied)), {
        concurrency: "unbounded"
      })
      // Those that were handed over earlier may still be settled by their answers.
      return Effect.all([replies, Effect.timeoutOption(FiberSet.awaitEmpty(fibers), LiveAttempt.stopTimeout)], {
        concurrency: "unbounded",
        discard: true
      })
    })
  }
})
