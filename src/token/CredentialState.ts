/** What is known of one credential, and how each answer of its source changes that; pure. */
import { DateTime, Effect, Option } from "effect"
import * as rotation from "./rotation.ts"

/** What a source gives. */
export interface Issued {
  /** Milliseconds since the epoch, where the source said. */
  readonly expiresAt: Option.Option<number>
}

/** Why a source gave nothing. */
export interface SourceFailure {
  readonly code: string
  readonly hint: string
  /** Whether asking again may help. */
  readonly retryable: boolean
  readonly status?: number | undefined
  /** There is nothing to ask, which is no fault. */
  readonly absent?: boolean | undefined
  readonly retryAfterMillis?: number | undefined
}

export interface CredentialState<A, E> {
  readonly held: Option.Option<A>
  /** Why the last ask brought none. */
  readonly lastError: Option.Option<E>
  /** In a row, of the kind of the last one (`retryable` or not). */
  readonly failures: number
  /** Whether the source gave the one that is held more than once. */
  readonly repeated: boolean
  readonly asking: boolean
  readonly asks: number
  readonly lastAskAt: Option.Option<number>
  readonly refreshes: number
  readonly lastRefreshAt: Option.Option<number>
  readonly nextAskAt: Option.Option<number>
}

export const initial: CredentialState<never, never> = {
  held: Option.none(),
  lastError: Option.none(),
  failures: 0,
  repeated: false,
  asking: false,
  asks: 0,
  lastAskAt: Option.none(),
  refreshes: 0,
  lastRefreshAt: Option.none(),
  nextAskAt: Option.some(0)
}

/** The one that is held, where it has not ended. */
export const inForce = <A extends Issued>(state: CredentialState<A, unknown>, at: number): Option.Option<A> =>
  Option.filter(state.held, ({ expiresAt }) => Option.getOrElse(expiresAt, () => Infinity) > at)

/** Whether the source may be asked again `pause` milliseconds after it was last asked. */
export const mayAskAfter = (state: CredentialState<unknown, unknown>, pause: number, at: number): boolean =>
  Option.getOrElse(state.lastAskAt, () => -Infinity) + pause <= at

export const asked = <A, E>(state: CredentialState<A, E>, at: number): CredentialState<A, E> => ({
  ...state,
  asking: true,
  asks: state.asks + 1,
  lastAskAt: Option.some(at)
})

export const issued = <A extends Issued, E>(state: CredentialState<A, E>, credential: A, at: number, options: {
  readonly jitter: number
  /** Whether `credential` is the one that is held. */
  readonly repeated: boolean
}): CredentialState<A, E> => ({
  ...state,
  held: Option.some(credential),
  lastError: Option.none(),
  failures: 0,
  repeated: options.repeated,
  refreshes: state.refreshes + 1,
  lastRefreshAt: Option.some(at),
  nextAskAt: rotation.refreshAt(credential.expiresAt, at, options)
})

/** The source has nothing, as where nobody logged in: it says when that changes. */
export const absent = <A, E>(state: CredentialState<A, E>): CredentialState<A, E> => ({
  ...state,
  held: Option.none(),
  lastError: Option.none(),
  failures: 0,
  nextAskAt: Option.none()
})

/** Whether `failure` is of the same kind as the one before it. */
export const isKnown = (state: CredentialState<unknown, SourceFailure>, failure: SourceFailure): boolean =>
  Option.exists(state.lastError, ({ retryable }) => retryable === failure.retryable)

/** `pause` is what the backoff says; a source may ask for more, within reason. */
export const failed = <A, E extends SourceFailure>(
  state: CredentialState<A, E>,
  failure: E,
  at: number,
  pause: number
): CredentialState<A, E> => {
  const asLong = Math.min(failure.retryAfterMillis ?? 0, rotation.coolDown)
  return {
    ...state,
    lastError: Option.some(failure),
    failures: isKnown(state, failure) ? state.failures + 1 : 1,
    nextAskAt: Option.some(at + (failure.retryable ? Math.max(pause, asLong) : rotation.coolDown))
  }
}

export const coolingDown = <A, E>(state: CredentialState<A, E>, at: number): CredentialState<A, E> => ({
  ...state,
  nextAskAt: Option.some(at + rotation.coolDown)
})

/** Valid, failing (it may get better by itself) or rejected (somebody has to do something). */
export const conditionOf = (
  state: CredentialState<Issued, SourceFailure>,
  at: number
): "none" | "valid" | "failing" | "rejected" =>
  Option.match(state.lastError, {
    onNone: () => Option.isSome(inForce(state, at)) ? "valid" : "none",
    onSome: ({ retryable }) => retryable ? "failing" : "rejected"
  })

// Logs that a source fails: loudly the first time, and each further failure of that kind for those who debug.

/** With the source's code and status, which failure in a row it is, and when the source is asked again. */
export const logSourceFailure = <A, E extends SourceFailure>(
  message: string,
  failure: E,
  before: CredentialState<A, E>,
  { failures, nextAskAt }: Pick<CredentialState<A, E>, "failures" | "nextAskAt">
): Effect.Effect<void> => {
  const log = isKnown(before, failure) ? Effect.logDebug : failure.retryable ? Effect.logWarning : Effect.logError
  return log(message).pipe(Effect.annotateLogs({
    code: failure.code,
    attempt: failures,
    ...(failure.status === undefined ? {} : { status: failure.status }),
    ...Option.match(nextAskAt, {
      onNone: () => ({}),
      onSome: (next) => ({ next: DateTime.formatIso(DateTime.makeUnsafe(Math.floor(next))) })
    })
  }))
}
