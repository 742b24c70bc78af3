/** What is known of one token, and how each answer of its source and of the relay changes that; pure. */
import { Option, Redacted } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import * as rotation from "./rotation.ts"
import type { TokenSourceFailed } from "./sources/TokenSource.ts"
import type { Token, TokenStatus } from "./Token.ts"

export interface TokenState {
  readonly token: Option.Option<Token>
  /** Of the last token; before there is one, of the source. */
  readonly principal: PrincipalId
  /** Why the last ask brought none. */
  readonly trouble: Option.Option<TokenSourceFailed>
  /** Failures in a row. */
  readonly failures: number
  /** Answers of the source in a row that came because the relay refused the token before. */
  readonly refusals: number
  readonly asks: number
  readonly refreshes: number
  readonly lastAskAt: number
  readonly lastRefreshAt: Option.Option<number>
  readonly nextAskAt: Option.Option<number>
}

export const initial = (principal: PrincipalId): TokenState => ({
  token: Option.none(),
  principal,
  trouble: Option.none(),
  failures: 0,
  refusals: 0,
  asks: 0,
  refreshes: 0,
  lastAskAt: 0,
  lastRefreshAt: Option.none(),
  nextAskAt: Option.some(0)
})

export const inForce = (state: TokenState, at: number): Option.Option<Token> =>
  Option.filter(state.token, ({ expiresAt }) => Option.getOrElse(expiresAt, () => Infinity) > at)

/** Whether both are the same credential, or none. */
export const same = (one: Option.Option<Token>, other: Option.Option<Token>): boolean =>
  Option.getOrUndefined(Option.map(one, plain)) === Option.getOrUndefined(Option.map(other, plain))

const plain = ({ value }: Token): string => Redacted.value(value)

/** The relay refused so many in a row that the source is left alone for a while. */
export const resting = (state: TokenState): boolean => state.refusals >= rotation.refusalsInRow

export const asked = (state: TokenState, at: number): TokenState => ({ ...state, asks: state.asks + 1, lastAskAt: at })

export const answered = (state: TokenState, token: Token, at: number, options: {
  readonly jitter: number
  /** Whether it was asked because the relay refused the token before. */
  readonly refused: boolean
}): { readonly state: TokenState; readonly changed: boolean } => {
  const changed = !same(state.token, Option.some(token)) || state.principal !== token.principal
  const next: TokenState = {
    ...state,
    token: Option.some(token),
    principal: token.principal,
    trouble: Option.none(),
    failures: 0,
    refusals: state.refusals + (options.refused ? 1 : 0),
    refreshes: state.refreshes + 1,
    lastRefreshAt: Option.some(at),
    nextAskAt: rotation.refreshAt(token.expiresAt, at, { jitter: options.jitter, changed })
  }
  return { changed, state: resting(next) ? { ...next, nextAskAt: Option.some(at + rotation.rest) } : next }
}

/** The source has nothing, as where nobody logged in: it tells when that changes. */
export const absent = (state: TokenState): TokenState => ({
  ...state,
  token: Option.none(),
  trouble: Option.none(),
  failures: 0,
  nextAskAt: Option.none()
})

export const failed = (state: TokenState, failure: TokenSourceFailed, at: number): TokenState => {
  const transient = failure.retryable && !resting(state)
  // A change from one kind to the other starts its own count.
  const goesOn = Option.exists(state.trouble, ({ retryable }) => retryable === failure.retryable)
  const failures = goesOn ? state.failures + 1 : 1
  const pause = transient ? Math.max(rotation.retryAfter(failures), asLong(failure)) : rotation.rest
  return { ...state, trouble: Option.some(failure), failures, nextAskAt: Option.some(at + pause) }
}

/** What a source asked for with `Retry-After`, within reason. */
const asLong = ({ retryAfterMillis = 0 }: TokenSourceFailed): number => Math.min(retryAfterMillis, rotation.rest)

/** Whether it is past the time of the next ask, which its rotation fiber has not come to. */
export const overdue = (state: TokenState, at: number): boolean =>
  !resting(state) && Option.exists(state.nextAskAt, (due) => due <= at)

/** Whether the source may be asked because the relay refused the token; else its rotation fiber asks when it is time. */
export const mayAsk = (state: TokenState, at: number): boolean =>
  !resting(state) && Option.match(state.trouble, {
    onNone: () => true,
    onSome: ({ retryable }) => retryable && rotation.mayAskAgain(state.lastAskAt, at)
  })

export const statusOf = (state: TokenState, source: string, at: number): TokenStatus => ({
  source,
  state: stateOf(state, at),
  principal: state.principal,
  expiresAt: Option.flatMap(state.token, ({ expiresAt }) => expiresAt),
  refreshes: state.refreshes,
  lastRefreshAt: state.lastRefreshAt,
  nextRefreshAt: state.nextAskAt,
  lastError: resting(state)
    ? Option.some({
      code: "refused",
      hint: `the relay refused ${state.refusals} tokens in a row`,
      attempt: state.refusals
    })
    : Option.map(state.trouble, ({ code, hint, status }) => ({
      code,
      hint,
      attempt: state.failures,
      ...(status === undefined ? {} : { status })
    }))
})

const stateOf = (state: TokenState, at: number): TokenStatus["state"] => {
  if (resting(state)) return "rejected"
  if (Option.isSome(state.trouble)) return state.trouble.value.retryable ? "failing" : "rejected"
  return Option.isSome(inForce(state, at)) ? "valid" : "none"
}
