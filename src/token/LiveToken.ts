/**
 * The relay credential in force now, rotated by a fiber that lives as long as the layer (BEHAVIOUR 7).
 *
 * Never two refreshes of one token in flight. The token never leaves this service except in a `Redacted`.
 */
import { Context, type Effect, type Option, type Redacted, type Stream } from "effect"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"

export interface Token {
  readonly value: Redacted.Redacted
  readonly principal: PrincipalId
  /** Milliseconds since the epoch, where the source told. */
  readonly expiresAt: Option.Option<number>
}

export interface TokenStatus {
  readonly source: string
  readonly state: "none" | "valid" | "failing" | "rejected"
  readonly principal: PrincipalId
  readonly expiresAt: Option.Option<number>
  readonly refreshes: number
  readonly lastRefreshAt: Option.Option<number>
  readonly nextRefreshAt: Option.Option<number>
  /** What the source said when it last failed; never the token. */
  readonly lastError: Option.Option<{ readonly code: string; readonly hint: string }>
}

export class LiveToken extends Context.Service<LiveToken, {
  /** The token in force; `None` where there is none: requests then go without. */
  readonly current: (agent: AgentName) => Effect.Effect<Option.Option<Token>>
  /** The principal in force, also where there is no token. */
  readonly principal: (agent: AgentName) => Effect.Effect<PrincipalId>
  /**
   * The relay answered 401 to `used`. One refresh, shared by all callers; answers at once where a newer token is
   * already in force. `None`: there is no other token to try. After 5 in a row the source is left alone for 5 minutes.
   */
  readonly rejected: (agent: AgentName, used: Option.Option<Token>) => Effect.Effect<Option.Option<Token>>
  /** The relay accepted the token: the count of rejections starts afresh. */
  readonly accepted: (agent: AgentName) => Effect.Effect<void>
  /** Ask the source now. */
  readonly refresh: (agent: AgentName) => Effect.Effect<TokenStatus>
  readonly status: (agent: AgentName) => Effect.Effect<TokenStatus>
  /** Each change of the token or its principal, after it took effect. */
  readonly changes: Stream.Stream<{ readonly agent: AgentName; readonly principalChanged: boolean }>
}>()("holdfast/token/LiveToken") {}
