/** Where a relay's token comes from (BEHAVIOUR 7). */
import { Effect, type Option, Redacted, Schema, type Stream } from "effect"
import type { ProofKey } from "./ProofKey.ts"

/** Why a source gave no token, in its own words and never with the token; `retryable` where asking again may help. */
export class TokenSourceFailed extends Schema.TaggedError<TokenSourceFailed>()("TokenSourceFailed", {
  code: Schema.String,
  hint: Schema.String,
  retryable: Schema.Boolean,
  /** Of HTTP, where that was spoken. */
  status: Schema.optional(Schema.Int),
  /** There is nothing to ask, which is no fault: requests go without a token. */
  absent: Schema.optional(Schema.Boolean),
  /** The pause that the source asked for. */
  retryAfterMillis: Schema.optional(Schema.Number)
}) {
  override get message(): string {
    return `${this.hint} (${this.code})`
  }
}

export interface IssuedToken {
  /** The name of the source that answered: part of whom the token stands for. */
  readonly source: string
  readonly value: Redacted.Redacted
  /** Milliseconds since the epoch, where the source said. */
  readonly expiresAt: Option.Option<number>
  /** Whom the token stands for, where the source said. */
  readonly subject: Option.Option<string>
  /** Who that is, for people to read. */
  readonly name?: string | undefined
  /** The key that the token is bound to: each request with it carries a proof. */
  readonly key?: ProofKey | undefined
  /** What the token may do, where the source said and where it makes another principal. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The user name that goes with it, for what takes a name and a password. */
  readonly username?: string | undefined
}

export interface TokenSource {
  /** Names kind and place, such as `file:/run/secrets/relay`; never the token. */
  readonly name: string
  readonly fetch: Effect.Effect<IssuedToken, TokenSourceFailed>
  /** Says when asking again may give another token; empty for sources that cannot tell. */
  readonly changes: Stream.Stream<void>
}

/** What a header can carry (RFC 9110, section 5.5). */
const carried = /^[\t\x20-\x7e\x80-\xff]*$/

/** Asks the source; fails where no request could carry what it gives. The token is not shown. */
export const usableOf = ({ fetch, name }: TokenSource): TokenSource["fetch"] =>
  Effect.flatMap(fetch, (issued) => {
    const text = Redacted.value(issued.value)
    if (carried.test(text)) return Effect.succeed(issued)
    const held = /[\r\n]/.test(text)
      ? "a line break"
      : /[\u0100-\uffff]/.test(text)
      ? "a character that is neither ASCII nor Latin"
      : "a control character"
    const hint = `the token of ${name} has ${held} in it, which no request can carry: look at what it holds`
    return Effect.fail(new TokenSourceFailed({ code: "unusable token", hint, retryable: false }))
  })

/**
 * Whether a text can be a bearer token: one word of what a header may carry (RFC 6750, section 2.1, taken widely), and no
 * page of a server that failed.
 */
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text) && !/[<>"\\]/.test(text)
