/** Which tokens the relay answered with 401, and what follows from it; pure. */
import { Option, Redacted } from "effect"
import type { CredentialState } from "./CredentialState.ts"
import type { TokenSourceFailed } from "./sources/TokenSource.ts"
import type { AskedFor, Token } from "./Token.ts"

export interface Refusals {
  /** Different tokens in a row. */
  readonly tokens: ReadonlyArray<Token>
  /** The last of them, where neither another token nor a new session helped; `None` in it where there was no token. */
  readonly final: Option.Option<Option.Option<Token>>
  /** What they were refused for: only an answer to as much shows that the relay takes the token after all. */
  readonly askedFor: AskedFor
}

export const none: Refusals = { tokens: [], final: Option.none(), askedFor: "session" }

const maxInRow = 5

type State = CredentialState<Token, TokenSourceFailed>

const weights: Readonly<Record<AskedFor, number>> = { session: 0, answer: 1, call: 2 }

const plain = ({ value }: Token): string => Redacted.value(value)

/** Whether both are the same token, or none. */
export const same = (one: Option.Option<Token>, other: Option.Option<Token>): boolean =>
  Option.getOrUndefined(Option.map(one, plain)) === Option.getOrUndefined(Option.map(other, plain))

/** Whether the relay refuses the present token, or that there is none. */
export const isRefused = ({ final }: Refusals, { held }: State): boolean =>
  Option.exists(final, (refused) => same(refused, held))

/** The relay refused too many tokens in a row. */
export const exhausted = ({ tokens }: Refusals): boolean => tokens.length >= maxInRow

/** The relay refuses what the source gives. */
export const isRejected = (refusals: Refusals, state: State): boolean =>
  exhausted(refusals)
  || (Option.isNone(state.lastError) && Option.isSome(state.held) && isRefused(refusals, state))

/** The source is left alone: the relay refused too many of its tokens, or one that it still gives. */
export const coolsDown = (refusals: Refusals, state: State): boolean =>
  exhausted(refusals) || (isRejected(refusals, state) && state.repeated)

/** The relay answered 401 to `used`, which may be for the session's sake. */
export const suspected = (refusals: Refusals, used: Option.Option<Token>, askedFor: AskedFor): Refusals => ({
  ...refusals,
  tokens: Option.isNone(used) || refusals.tokens.some((token) => same(Option.some(token), used))
    ? refusals.tokens
    : [...refusals.tokens, used.value],
  askedFor: weights[askedFor] > weights[refusals.askedFor] ? askedFor : refusals.askedFor
})

/** The relay refuses `used`, whatever was tried. */
export const refused = (refusals: Refusals, used: Option.Option<Token>, askedFor: AskedFor): Refusals => ({
  ...suspected(refusals, used, askedFor),
  final: Option.some(used)
})

/** Whether an answer to it says something about the token: some relays let anybody open a session. */
export const isProof = (askedFor: AskedFor): boolean => weights[askedFor] > weights.session

/** Whether an answer to a request with `used` shows that the relay takes the present token, which it seemed not to. */
export const areOver = (
  refusals: Refusals,
  { held }: State,
  used: Option.Option<Token>,
  askedFor: () => AskedFor
): boolean =>
  (refusals.tokens.length > 0 || Option.isSome(refusals.final))
  && same(held, used) && weights[askedFor()] >= weights[refusals.askedFor]

export const format = ({ tokens }: Refusals): string =>
  tokens.length > 1 ? `the relay refused ${tokens.length} tokens in a row` : "the relay refuses the token"
