/** What is known of one token, and how each answer of its source and of the relay changes that; pure. */
import { Option, Redacted } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import * as rotation from "./rotation.ts"
import type { TokenSourceFailed } from "./sources/TokenSource.ts"
import type { AskedFor, Token, TokenStatus } from "./Token.ts"

export interface TokenState {
  readonly token: Option.Option<Token>
  /** Of the last token; before there is one, of the source. */
  readonly principal: PrincipalId
  /** Why the last ask brought none. */
  readonly trouble: Option.Option<TokenSourceFailed>
  /** Failures in a row. */
  readonly failures: number
  /** Different tokens in a row that the relay answered with 401. */
  readonly refusals: ReadonlyArray<Token>
  /** The last of them, where neither another token nor a new session helped; `None` in it where there was no token. */
  readonly refused: Option.Option<Option.Option<Token>>
  /** What they were refused for: only an answer to as much shows that the relay takes the token after all. */
  readonly refusedFor: AskedFor
  /** Whether the source gave the present token more than once. */
  readonly sameAgain: boolean
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
  refusals: [],
  refused: Option.none(),
  refusedFor: "session",
  sameAgain: false,
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

/** Whether the relay refuses the present token, or that there is none. */
export const isRefused = (state: TokenState): boolean =>
  Option.exists(state.refused, (refused) => same(refused, state.token))

/** The relay refused too many tokens in a row. */
export const exhausted = (state: TokenState): boolean => state.refusals.length >= rotation.refusalsInRow

/** The relay refuses what the source gives. */
const turnedAway = (state: TokenState): boolean =>
  exhausted(state) || (Option.isNone(state.trouble) && Option.isSome(state.token) && isRefused(state))

/** The source is left alone for a while: the relay refused too many tokens in a row, or one that it gives still. */
export const resting = (state: TokenState): boolean => exhausted(state) || (turnedAway(state) && state.sameAgain)

const weights: Readonly<Record<AskedFor, number>> = { session: 0, answer: 1, call: 2 }

const more = (one: AskedFor, other: AskedFor): AskedFor => weights[one] > weights[other] ? one : other

/** The relay answered 401 to `used`, which may be for the session's sake. */
export const suspected = (state: TokenState, used: Option.Option<Token>, askedFor: AskedFor): TokenState => ({
  ...state,
  refusals: Option.isNone(used) || state.refusals.some((one) => same(Option.some(one), used))
    ? state.refusals
    : [...state.refusals, used.value],
  refusedFor: more(askedFor, state.refusedFor)
})

/** The relay refuses `used`, whatever was tried. */
export const refused = (
  state: TokenState,
  used: Option.Option<Token>,
  askedFor: AskedFor,
  at: number
): TokenState => {
  const next = { ...suspected(state, used, askedFor), refused: Option.some(used) }
  return resting(next) && !resting(state) ? { ...next, nextAskAt: Option.some(at + rotation.rest) } : next
}

/** Whether an answer to a request with `used` shows that the relay takes the present token, which it seemed not to. */
export const clears = (state: TokenState, used: Option.Option<Token>, askedFor: () => AskedFor): boolean =>
  (state.refusals.length > 0 || Option.isSome(state.refused))
  && same(state.token, used) && weights[askedFor()] >= weights[state.refusedFor]

/** What counts against the relay's refusals is over: it took the token, or somebody did something about it. */
export const afresh = (state: TokenState): TokenState => ({
  ...state,
  refusals: [],
  refused: Option.none(),
  refusedFor: "session"
})

export const asked = (state: TokenState, at: number): TokenState => ({ ...state, asks: state.asks + 1, lastAskAt: at })

export const answered = (state: TokenState, token: Token, at: number, options: {
  readonly jitter: number
}): { readonly state: TokenState; readonly changed: boolean } => {
  const changed = !same(state.token, Option.some(token)) || state.principal !== token.principal
  const next: TokenState = {
    ...state,
    token: Option.some(token),
    principal: token.principal,
    sameAgain: same(state.token, Option.some(token)),
    trouble: Option.none(),
    failures: 0,
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
  const transient = failure.retryable && !exhausted(state)
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
  lastError: turnedAway(state)
    ? Option.some({ code: "refused", hint: refusalInWords(state), status: 401, attempt: state.refusals.length })
    : Option.orElse(
      Option.map(state.trouble, ({ code, hint, status }) => ({
        code,
        hint,
        attempt: state.failures,
        ...(status === undefined ? {} : { status })
      })),
      () =>
        isRefused(state)
          ? Option.some({ code: "wanted", hint: "the relay asks for a token", status: 401, attempt: 1 })
          : Option.none()
    )
})

export const refusalInWords = ({ refusals }: TokenState): string =>
  refusals.length > 1 ? `the relay refused ${refusals.length} tokens in a row` : "the relay refuses the token"

const stateOf = (state: TokenState, at: number): TokenStatus["state"] => {
  if (turnedAway(state)) return "rejected"
  if (Option.isSome(state.trouble)) return state.trouble.value.retryable ? "failing" : "rejected"
  return Option.isSome(inForce(state, at)) ? "valid" : "none"
}
