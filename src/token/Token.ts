/** A relay's token, and its status for people; the token itself is only ever in a `Redacted`. */
import type { Option, Redacted } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import type { ProofKey } from "./sources/ProofKey.ts"

export interface Token {
  readonly value: Redacted.Redacted
  readonly principal: PrincipalId
  /** Who that is, for people to read, where the source said. */
  readonly name?: string | undefined
  /** The key that it is bound to: each request with it carries a proof (RFC 9449). */
  readonly key?: ProofKey | undefined
  /** Milliseconds since the epoch, where the source said. */
  readonly expiresAt: Option.Option<number>
}

/** What was asked with a token. Some relays let a session open, or tools be listed, without looking at it. */
export type AskedFor = "session" | "answer" | "call"

export interface TokenError {
  readonly code: string
  readonly hint: string
  /** Of HTTP, where the source spoke that. */
  readonly status?: number | undefined
  /** 1 for the first failure in a row. */
  readonly attempt: number
}

export interface TokenStatus {
  readonly source: string
  readonly state: "none" | "valid" | "failing" | "rejected"
  /** Whether the relay answered anything but the opening of a session with the present token. */
  readonly proven: boolean
  readonly principal: PrincipalId
  /** Who that is, for people to read, where the source said. */
  readonly name?: string | undefined
  readonly expiresAt: Option.Option<number>
  readonly refreshes: number
  readonly lastRefreshAt: Option.Option<number>
  readonly nextRefreshAt: Option.Option<number>
  /** What the source said when it last failed; never the token. */
  readonly lastError: Option.Option<TokenError>
}
