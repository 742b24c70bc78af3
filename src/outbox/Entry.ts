/** One accepted call on its way to the relay. */
import type { Option } from "effect"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"

/** `pending` waits for its turn, `inflight` is being attempted, `held` waits for a principal or the relay's consent. */
export type EntryState = "pending" | "inflight" | "held" | "dead" | "delivered"

export interface Entry {
  readonly id: number
  readonly agent: AgentName
  readonly lane: string
  readonly tool: string
  readonly key: string
  readonly state: EntryState
  /** The JSON-RPC text that is sent at each attempt, byte for byte. */
  readonly request: string
  readonly bytes: number
  readonly principal: PrincipalId
  /** The relay's URL that it was accepted for. */
  readonly destination: string
  readonly onUnknown: "resend" | "dead"
  readonly epoch: Option.Option<number>
  readonly occurredAt: number
  readonly attempts: number
  readonly visibleAt: number
  /** Why it is held or dead, in words. */
  readonly reason: Option.Option<string>
  readonly lastError: Option.Option<string>
  /** The relay's result text, of a delivered one. */
  readonly result: Option.Option<string>
  readonly settledAt: Option.Option<number>
}

export interface EntryFilter {
  readonly state?: EntryState | undefined
  readonly agent?: AgentName | undefined
  readonly limit?: number | undefined
  /** Only entries with a larger id. */
  readonly after?: number | undefined
}
