/**
 * One credential and its source: the actor behind the relay's tokens, and behind git's and gh's credentials
 * (BEHAVIOUR 7).
 *
 * The source is never asked twice at once: whoever asks meanwhile shares the answer, and a caller that goes away ends
 * nothing. A failure leaves the credential in force until it ends. What was replaced is not revoked, since calls in
 * flight go on with it.
 *
 * A relay's token is asked for ahead of time (`rotate`), others when they are needed (`ask`).
 */
import { Clock, Effect, Option, Queue, Random, Redacted, type Scope } from "effect"
import * as Backoff from "../supervision/Backoff.ts"
import { singleFlight } from "../supervision/SingleFlight.ts"
import * as CredentialState from "./CredentialState.ts"
import * as rotation from "./rotation.ts"

export interface RotatingCredential<A, E> {
  readonly state: () => CredentialState.CredentialState<A, E>
  /** Asks the source, once for all who ask meanwhile; never fails: the state says what came. */
  readonly ask: Effect.Effect<void>
  /** Asks the source whenever it is time to, for a supervised fiber. */
  readonly rotate: Effect.Effect<never>
  /** The source is left alone for 5 minutes. */
  readonly coolDown: Effect.Effect<void>
  /** The one that is held is not given out again. */
  readonly discard: Effect.Effect<void>
}

type State<A, E> = CredentialState.CredentialState<A, E>

export interface Options<A, E> {
  readonly fetch: Effect.Effect<A, E>
  readonly secretOf: (issued: A) => Redacted.Redacted
  /** A failure that may pass, which the source did not name itself. */
  readonly transient: (code: string, hint: string) => E
  readonly onIssued: (before: State<A, E>, issued: A, repeated: boolean) => Effect.Effect<void>
  readonly onFailed: (before: State<A, E>, failure: E, after: State<A, E>) => Effect.Effect<void>
  /** Whether the source is left alone for 5 minutes after it answered so. */
  readonly coolsDown?: (state: State<A, E>) => boolean
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export const make = Effect.fnUntraced(
  function*<A extends CredentialState.Issued, E extends CredentialState.SourceFailure>(
    options: Options<A, E>
  ): Effect.fn.Return<RotatingCredential<A, E>, never, Scope.Scope> {
    const { coolsDown = () => false, fetch, onFailed, onIssued, secretOf, transient } = options
    const rescheduled = yield* Queue.sliding<void>(1)
    const retries = Backoff.make(rotation.retries)
    let state: State<A, E> = CredentialState.initial

    const cooled = (next: State<A, E>, at: number) => coolsDown(next) ? CredentialState.coolingDown(next, at) : next

    const checked = Effect.fnUntraced(function*(issued: A) {
      if (Redacted.value(secretOf(issued)) === "") {
        return yield* Effect.fail(transient("no token", "the source answered without a token"))
      }
      // It would be shown where an environment variable cannot hold it.
      if (Redacted.value(secretOf(issued)).includes("\0")) {
        return yield* Effect.fail(transient("no token", "the source gave a token with a NUL character in it"))
      }
      const at = yield* now
      return Option.exists(issued.expiresAt, (expiresAt) => expiresAt <= at)
        ? yield* Effect.fail(transient("expired", "the source gave a token that has ended"))
        : issued
    })

    const succeeded = Effect.fnUntraced(function*(issued: A) {
      const before = state
      const at = yield* now
      const repeated = Option.exists(
        before.held,
        (held) => Redacted.value(secretOf(held)) === Redacted.value(secretOf(issued))
      )
      state = cooled(CredentialState.issued(before, issued, at, { jitter: yield* Random.next, repeated }), at)
      retries.reset()
      yield* onIssued(before, issued, repeated)
    })

    const failed = Effect.fnUntraced(function*(failure: E) {
      const before = state
      const at = yield* now
      if (failure.absent === true || !CredentialState.isKnown(before, failure)) retries.reset()
      state = failure.absent === true
        ? CredentialState.absent(before)
        : cooled(CredentialState.failed(before, failure, at, yield* retries.next), at)
      yield* onFailed(before, failure, state)
    })

    const ask = yield* singleFlight(
      Effect.gen(function*() {
        state = CredentialState.asked(state, yield* now)
        return yield* checked(yield* fetch)
      }).pipe(
        Effect.catchDefect((defect) => Effect.fail(transient("defect", String(defect)))),
        Effect.timeoutOrElse({
          duration: rotation.timeout,
          orElse: () => Effect.fail(transient("timeout", "no answer within 10 s"))
        }),
        Effect.matchEffect({ onSuccess: succeeded, onFailure: failed }),
        Effect.ensuring(Effect.sync(() => {
          state = { ...state, asking: false }
        })),
        Effect.andThen(Queue.offer(rescheduled, undefined)),
        Effect.asVoid
      )
    )

    const askWhenDue = Effect.gen(function*() {
      const at = yield* now
      const due = Option.getOrElse(state.nextAskAt, () => Infinity)
      if (due > at) {
        const wait = due === Infinity ? Effect.asSome : Effect.timeoutOption(Math.min(due - at, rotation.maxSleep))
        const early = yield* wait(Queue.take(rescheduled))
        if (Option.isSome(early) || due > (yield* now)) return
      }
      yield* ask
    })

    return {
      state: () => state,
      ask,
      rotate: Effect.forever(askWhenDue),
      coolDown: Effect.flatMap(now, (at) => {
        state = CredentialState.coolingDown(state, at)
        return Queue.offer(rescheduled, undefined)
      }),
      discard: Effect.sync(() => {
        state = { ...state, held: Option.none() }
      })
    }
  }
)
