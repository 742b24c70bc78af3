/**
 * One credential for git or gh, asked for when it is needed and given out while it is fresh.
 *
 * The source is asked at most once in 30 s, and once more where its token was refused meanwhile; never only to see whether
 * it would answer.
 */
import { Clock, Effect, Option, Redacted, type Scope } from "effect"
import * as CredentialState from "../token/CredentialState.ts"
import { logSourceFailure } from "../token/CredentialState.ts"
import * as RotatingCredential from "../token/RotatingCredential.ts"
import { freshUntil } from "../token/rotation.ts"
import { CredentialUnavailable, type IssuedCredential } from "./CredentialSources.ts"

const minPause = 30_000
/** How long a token of unknown end is given out unasked. */
const unknownFor = 60_000

export interface OnDemandCredential {
  /** Fresh where the source answers; else the last one while it has not ended. */
  readonly get: Effect.Effect<IssuedCredential, CredentialUnavailable>
  /** The same, but one that came longer ago than `maxAge` milliseconds is not fresh. */
  readonly getWithin: (maxAge: number) => Effect.Effect<IssuedCredential, CredentialUnavailable>
  /** Somebody was refused with this token, or with whichever is in force: it is not given out again. */
  readonly erase: (token: Redacted.Redacted | undefined) => Effect.Effect<void>
  readonly status: Effect.Effect<CredentialCondition>
}

export interface CredentialCondition {
  readonly state: "none" | "valid" | "failing" | "rejected"
  readonly expiresAt: Option.Option<number>
  readonly lastAskAt: Option.Option<number>
  readonly lastError: Option.Option<CredentialUnavailable>
  /** Failures in a row. */
  readonly attempt: number
  /** Where the last ask failed: not asked again before. */
  readonly nextAskAt: Option.Option<number>
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

/** `logged`: whether the log says when the source starts to fail, and when it answers again. */
export const make = Effect.fnUntraced(function*(
  name: string,
  fetch: Effect.Effect<IssuedCredential, CredentialUnavailable>,
  { logged }: { readonly logged: boolean }
): Effect.fn.Return<OnDemandCredential, never, Scope.Scope> {
  const transient = (code: string, hint: string) => new CredentialUnavailable({ name, code, hint, retryable: true })
  const nextAskAt = ({ lastAskAt }: { readonly lastAskAt: Option.Option<number> }) =>
    Option.map(lastAskAt, (at) => at + minPause)

  const { ask, discard, state } = yield* RotatingCredential.make<IssuedCredential, CredentialUnavailable>({
    fetch,
    secretOf: ({ token }) => token,
    transient,
    onIssued: (before) =>
      logged && Option.isSome(before.lastError)
        ? Effect.logWarning(`the source of credential "${name}" answers again`)
        : Effect.void,
    onFailed: (before, failure, after) =>
      logged
        ? logSourceFailure(failure.message, failure, before, { failures: after.failures, nextAskAt: nextAskAt(after) })
        : Effect.void
  })

  /** The token in force was refused, so the next ask need not wait. */
  let refused = false
  /** When an ask did not wait for that reason. */
  let lastHurriedAt = -Infinity

  const mayAsk = (at: number): boolean => {
    if (state().asking || CredentialState.mayAskAfter(state(), minPause, at)) return true
    if (!refused || at < lastHurriedAt + minPause) return false
    lastHurriedAt = at
    return true
  }

  const freshAt = (at: number, maxAge: number): boolean => {
    const { held, lastRefreshAt } = state()
    const since = Option.getOrElse(lastRefreshAt, () => 0)
    return at - since <= maxAge && Option.exists(
      held,
      ({ expiresAt }) => at < Option.getOrElse(freshUntil(expiresAt, since), () => since + unknownFor)
    )
  }

  const getWithin = Effect.fnUntraced(function*(maxAge: number) {
    const at = yield* now
    if (!freshAt(at, maxAge) && mayAsk(at)) {
      refused = false
      yield* ask
    }
    return yield* Option.match(CredentialState.inForce(state(), yield* now), {
      onSome: Effect.succeed,
      onNone: () =>
        Effect.fail(Option.getOrElse(
          state().lastError,
          () => transient("refused", "the token was just refused; another is asked for in 30 s")
        ))
    })
  })

  return {
    get: getWithin(Infinity),
    getWithin,
    erase: (token) =>
      Effect.suspend(() =>
        Option.exists(
            state().held,
            (held) => token === undefined || Redacted.value(token) === Redacted.value(held.token)
          )
          ? Effect.andThen(Effect.sync(() => void (refused = true)), discard)
          : Effect.void
      ),
    status: Effect.map(now, (at) => ({
      state: CredentialState.conditionOf(state(), at),
      expiresAt: Option.flatMap(state().held, ({ expiresAt }) => expiresAt),
      lastAskAt: state().lastAskAt,
      lastError: state().lastError,
      attempt: state().failures,
      nextAskAt: Option.isSome(state().lastError) ? nextAskAt(state()) : Option.none()
    }))
  }
})
