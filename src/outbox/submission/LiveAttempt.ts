/**
 * The one live attempt of a call (BEHAVIOUR 5, "Queued when").
 *
 * Answered, it never touches the disk. Silent for 10 s, or when Holdfast stops, it is handed over: its row goes in flight
 * and stays this attempt's, whose late answer settles it. Failed with the relay away, it takes its place in the queue.
 */
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Option } from "effect"
import { Settings } from "../../config/Settings.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import type { WireAnswer } from "../Call.ts"
import { Settlement } from "../delivery/Settlement.ts"
import { ofAnswer, type Verdict } from "../delivery/Verdict.ts"
import type { Entry } from "../Entry.ts"
import type { Place } from "../Lane.ts"
import { Lanes } from "../Lanes.ts"
import type { OutboxRefused } from "../OutboxRefused.ts"
import { dead, inFlight, standingAfter } from "../Standing.ts"
import { Acceptance } from "./Acceptance.ts"
import { KnownCalls } from "./KnownCalls.ts"
import type { Reply, Submitted } from "./Submission.ts"

/** How long a stop waits for the relay's answer. */
const patience = "5 seconds"

type Outcome = Exit.Exit<WireAnswer, RelayFailure>

export class LiveAttempt extends Context.Service<LiveAttempt, {
  /** Says `reply` as soon as there is one; returns once the attempt has ended and is settled. */
  readonly run: (
    submitted: Submitted,
    place: Place,
    stopping: Effect.Effect<void>,
    reply: (reply: Reply) => Effect.Effect<void>
  ) => Effect.Effect<void, OutboxRefused>
}>()("holdfast/outbox/LiveAttempt") {
  static readonly layerNoDeps = Layer.effect(
    LiveAttempt,
    Effect.gen(function*() {
      const { link, outbox } = yield* Settings
      const acceptance = yield* Acceptance
      const known = yield* KnownCalls
      const settlement = yield* Settlement
      const lanes = yield* Lanes
      const clock = yield* Clock.Clock
      const silence = Duration.toMillis(link.silence)
      const now = () => Math.floor(clock.currentTimeMillisUnsafe())

      const verdictOn = (submitted: Submitted, outcome: Outcome): Effect.Effect<Verdict> => {
        const { onUnknown, wire } = submitted.draft
        if (Exit.isSuccess(outcome)) return Effect.succeed(ofAnswer(outcome.value, wire.id, onUnknown))
        const failure = Option.getOrElse(Exit.findErrorOption(outcome), () => brokenInside)
        return settlement.ofFailure(failure, onUnknown)
      }

      const failed = Effect.fnUntraced(function*(submitted: Submitted, place: Place, failure: RelayFailure) {
        const fail: Reply = { _tag: "Failed", failure }
        const verdict = yield* settlement.ofFailure(failure, submitted.draft.onUnknown)
        if (verdict._tag === "Unknown") {
          // The agent is told now, so it is not told again; the letter is there for a person to decide.
          const reason = `unknown: it was sent and may have been carried out, but ${verdict.why}`
          const letter = dead(now(), reason, { lastError: verdict.why, told: true })
          const accepted = yield* Effect.option(acceptance.accept(submitted, place, 1, letter))
          if (Option.isSome(accepted)) yield* settlement.died([accepted.value])
          return fail
        }
        if (!mayQueue(failure)) return fail
        const standing = standingAfter(verdict, { attempts: 1, failures: 0 }, now(), outbox)
        return yield* acceptance.accept(submitted, place, 1, standing).pipe(
          Effect.flatMap((entry) => acceptance.acknowledge(entry, 1)),
          // That it may have been carried out is worth more to the agent than why it could not be queued.
          Effect.catch((refused) => failure.delivery === "unknown" ? Effect.succeed(fail) : Effect.fail(refused))
        )
      })

      const ended = (submitted: Submitted, place: Place, outcome: Outcome): Effect.Effect<Reply, OutboxRefused> => {
        submitted.phase = "accepting"
        if (Exit.isSuccess(outcome)) {
          return Effect.as(known.remember(submitted, outcome.value), {
            _tag: "Answered",
            answer: outcome.value,
            replayed: false
          })
        }
        const failure = Exit.findErrorOption(outcome)
        return Option.isSome(failure)
          ? failed(submitted, place, failure.value)
          : Effect.orDie(Effect.failCause(outcome.cause))
      }

      return LiveAttempt.of({
        run: Effect.fn("Outbox.live")(function*(submitted, place, stopping, reply) {
          let lastBytes = now()
          const attempt = yield* Effect.forkChild(submitted.live(submitted.draft.wire, () => {
            lastBytes = now()
          }))
          const silent = Effect.gen(function*() {
            while (lastBytes + silence > now()) yield* Effect.sleep(lastBytes + silence - now())
          })

          const settle = (entry: Entry, outcome: Outcome, told: boolean) =>
            Effect.flatMap(
              verdictOn(submitted, outcome),
              (verdict) => settlement.settle(place.lane, { entry, failures: 0 }, verdict, told)
            )

          /** The row is on disk and this attempt's: what is said, and then what comes of it. */
          const handedOver = Effect.fnUntraced(function*(entry: Entry, stopped: boolean) {
            lanes.flush(place.lane)
            const soon = stopped
              ? yield* Effect.timeoutOption(Fiber.await(attempt), patience)
              : Option.fromUndefinedOr(attempt.pollUnsafe())
            if (Option.isSome(soon) && Exit.isSuccess(soon.value)) {
              yield* settle(entry, soon.value, true)
              return yield* reply({ _tag: "Answered", answer: soon.value.value, replayed: false })
            }
            yield* reply(yield* acceptance.acknowledge(entry, 1))
            yield* settle(entry, yield* Fiber.await(attempt), false)
          })

          let stopped = false
          while (true) {
            const outcome = yield* Fiber.await(attempt).pipe(
              Effect.raceFirst(silent),
              Effect.raceFirst(stopping.pipe(Effect.map(() => {
                stopped = true
              })))
            )
            if (outcome !== undefined) return yield* reply(yield* ended(submitted, place, outcome))

            submitted.phase = "accepting"
            const entry = yield* Effect.result(acceptance.accept(submitted, place, 1, inFlight(now())))
            if (entry._tag === "Success") return yield* handedOver(entry.success, stopped)
            if (stopped) {
              const last = yield* Effect.timeoutOption(Fiber.await(attempt), patience)
              if (Option.isSome(last)) return yield* reply(yield* ended(submitted, place, last.value))
              return yield* reply({ _tag: "Failed", failure: endOfHoldfast })
            }
            // It cannot be queued, so it goes on as what it is: a live call, bounded by its own time.
            submitted.phase = "live"
            lastBytes = now()
          }
        })
      })
    })
  )
}

/** Only what the relay did not judge: it was away, or asked to slow down. */
const mayQueue = (failure: RelayFailure): boolean => failure.downClass || failure.reason._tag === "RateLimited"

const brokenInside = new RelayFailure({ reason: new AnswerCutOff({ detail: "the attempt failed inside Holdfast" }) })
const endOfHoldfast = new RelayFailure({ reason: new AnswerCutOff({ detail: "Holdfast is stopping" }) })
