/**
 * The one live attempt of a call (BEHAVIOUR 5, "Queued when").
 *
 * It runs in the call's own fiber. Answered, it never touches the disk. Silent for 10 s, or when Holdfast stops, it is
 * handed over: its row goes in flight and stays this attempt's, whose late answer settles it. Failed with the relay away,
 * it takes its place in the queue.
 */
import { Clock, Deferred, Duration, Effect, Exit, Fiber, FiberSet, Latch, Option } from "effect"
import { Settings } from "../../config/Settings.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { type Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import type { OutboxRefused, WireAnswer } from "../Call.ts"
import type { Place } from "../delivery/Lane.ts"
import type { Lanes } from "../delivery/Lanes.ts"
import * as Retries from "../delivery/Retries.ts"
import type { Settlement } from "../delivery/Settlement.ts"
import { brokenInside, ofAnswer, ofFailure, type Verdict } from "../delivery/Verdict.ts"
import { dead, type Entry, inFlight, unknownOutcome } from "../Entry.ts"
import type { Acceptance } from "./Acceptance.ts"
import type { CallUnderWay, Reply } from "./CallUnderWay.ts"
import type { KnownCalls } from "./KnownCalls.ts"

type Outcome = Exit.Exit<WireAnswer, RelayFailure>

/** How long a stop waits for the relay's answer, and for what was handed over to be settled. */
export const stopTimeout = "5 seconds"

const endOfHoldfast = new RelayFailure({ reason: new AnswerCutOff({ detail: "Holdfast is stopping" }) })

/** Only what the relay did not judge: it was away or asked to slow down, or we had no connection for it. */
const mayQueue = ({ downClass, reason }: RelayFailure): boolean =>
  downClass || reason._tag === "RateLimited" || reason._tag === "OutOfDescriptors"

export const make = Effect.fnUntraced(function*(
  { fibers, ...room }: {
    readonly acceptance: Acceptance
    readonly known: KnownCalls
    readonly lanes: Lanes
    readonly settlement: Settlement
    /** Where a hand-over runs. */
    readonly fibers: FiberSet.FiberSet<unknown, unknown>
    readonly isStopping: () => boolean
  }
) {
  const { acceptance, isStopping, known, lanes, settlement } = room
  const { link: { silence } } = yield* Settings
  const { updateAfter } = yield* Retries.make
  const link = yield* RelayLink
  const deadlines = yield* Deadlines
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.runtime(fibers)()
  const silenceMillis = Duration.toMillis(silence)
  const now = () => Math.floor(clock.currentTimeMillisUnsafe())

  const verdictOnFailure = (failure: RelayFailure, { onUnknown }: CallUnderWay): Effect.Effect<Verdict> =>
    Effect.map(link.state, (state) => ofFailure(failure, onUnknown, state._tag === "Up"))

  const verdictOn = (underWay: CallUnderWay, outcome: Outcome): Effect.Effect<Verdict> =>
    Exit.isSuccess(outcome)
      ? Effect.succeed(ofAnswer(outcome.value, underWay.wire.id, underWay.onUnknown))
      : verdictOnFailure(Option.getOrElse(Exit.findErrorOption(outcome), () => brokenInside), underWay)

  const failed = Effect.fnUntraced(function*(underWay: CallUnderWay, place: Place, failure: RelayFailure) {
    const fail: Reply = { _tag: "Failed", failure }
    const verdict = yield* verdictOnFailure(failure, underWay)
    if (verdict._tag === "Unknown") {
      // The agent hears of it now, and not again; the letter is there for a person to decide.
      const letter = dead(now(), unknownOutcome(verdict.why), { lastError: verdict.why, reported: true })
      const accepted = yield* Effect.option(acceptance.accept(underWay, place, 1, letter))
      if (Option.isSome(accepted)) yield* settlement.died([accepted.value])
      return fail
    }
    if (!mayQueue(failure)) return fail
    const update = updateAfter(verdict, { attempts: 1, failures: 0 }, now())
    return yield* acceptance.accept(underWay, place, 1, update).pipe(
      Effect.flatMap((entry) => acceptance.acknowledge(entry, entry.agent, 1)),
      // That it may have been carried out is worth more to the agent than why it could not be queued.
      Effect.catch((refused) => failure.delivery === "unknown" ? Effect.succeed(fail) : Effect.fail(refused))
    )
  })

  /** The reply to a call that nobody handed over. */
  const ended = (underWay: CallUnderWay, place: Place, outcome: Outcome): Effect.Effect<Reply, OutboxRefused> => {
    if (Exit.isSuccess(outcome)) {
      const answered: Reply = { _tag: "Answered", answer: outcome.value, replayed: false }
      return Effect.as(known.remember(underWay, outcome.value), answered)
    }
    const failure = Exit.findErrorOption(outcome)
    return Option.isSome(failure)
      ? failed(underWay, place, failure.value)
      : Effect.orDie(Effect.failCause(outcome.cause))
  }

  /** Runs beside the attempt. Gives the entry; `None` where the call could not be queued. */
  const handOver = Effect.fnUntraced(function*(
    underWay: CallUnderWay,
    place: Place,
    beside: { readonly silence: Deadline; readonly attemptEnded: Latch.Latch; readonly stopping: boolean }
  ) {
    const { attemptEnded, silence, stopping } = beside
    const accepted = yield* Effect.option(acceptance.accept(underWay, place, 1, inFlight(now())))
    if (Option.isSome(accepted)) lanes.flush(place.lane)
    if (stopping) yield* Effect.timeoutOption(attemptEnded.await, stopTimeout)
    // Then the call's own fiber replies.
    if (Latch.isOpen(attemptEnded)) return accepted
    if (Option.isSome(accepted)) {
      underWay.reply(Exit.succeed(yield* acceptance.acknowledge(accepted.value, accepted.value.agent, 1)))
    } else if (stopping) {
      underWay.reply(Exit.succeed({ _tag: "Failed", failure: endOfHoldfast }))
      underWay.fiber?.interruptUnsafe()
    } else {
      // It goes on as what it is: a live call, bounded by its own time.
      underWay.phase = "live"
      silence.restart()
    }
    return accepted
  })

  /** The outcome of an attempt whose entry is on disk. */
  const settleLate = Effect.fnUntraced(function*(
    underWay: CallUnderWay,
    place: Place,
    entry: Entry,
    outcome: Outcome
  ) {
    const verdict = yield* verdictOn(underWay, outcome)
    const answered = Exit.isSuccess(outcome) && !Deferred.isDoneUnsafe(underWay.replied)
    if (!answered && !Deferred.isDoneUnsafe(underWay.replied)) {
      underWay.reply(Exit.succeed(yield* acceptance.acknowledge(entry, entry.agent, 1)))
    }
    yield* settlement.settle(place.lane, entry, 0, verdict, answered)
    if (answered) underWay.reply(Exit.succeed({ _tag: "Answered", answer: outcome.value, replayed: false }))
  })

  /** Replies as soon as there is something to reply; returns once the attempt has ended and is settled. */
  return Effect.fnUntraced(function*(underWay: CallUnderWay, place: Place): Effect.fn.Return<void, OutboxRefused> {
    let handingOver: { readonly fiber: Fiber.Fiber<Option.Option<Entry>>; readonly ended: Latch.Latch } | undefined
    const silence = deadlines.after(silenceMillis, () => underWay.attempt?.handOver(false))
    underWay.phase = "live"
    underWay.attempt = {
      handOver: (stopping) => {
        if (underWay.phase !== "live") return
        underWay.phase = "accepting"
        const attemptEnded = Latch.makeUnsafe(false)
        handingOver = {
          ended: attemptEnded,
          fiber: fork(handOver(underWay, place, { silence, attemptEnded, stopping }))
        }
      }
    }
    if (isStopping()) underWay.attempt.handOver(true)
    else if (underWay.deserted) underWay.attempt.handOver(false)
    const outcome = yield* Effect.exit(Effect.ensuring(
      Effect.suspend(() =>
        underWay.live(underWay.wire, () => {
          if (underWay.phase === "live") silence.restart()
        })
      ),
      Effect.sync(() => silence.cancel())
    ))
    if (handingOver !== undefined) {
      handingOver.ended.openUnsafe()
      const entry = yield* Fiber.join(handingOver.fiber)
      if (Option.isSome(entry)) return yield* settleLate(underWay, place, entry.value, outcome)
    }
    underWay.phase = "accepting"
    underWay.reply(Exit.succeed(yield* ended(underWay, place, outcome)))
  })
})
