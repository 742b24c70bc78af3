/** One accepted call on its way to the relay. */
import { Option } from "effect"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"

/** `pending` waits for its turn, `inflight` is being attempted, `held` waits for a principal or the relay's consent. */
export type EntryState = "pending" | "inflight" | "held" | "dead" | "delivered"

export interface Entry {
  readonly id: number
  /** Its place among all calls of the relay. */
  readonly seq: number
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
  /** Why it is held or dead, for a person. */
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

/** What changes over an entry's life; times in milliseconds. */
export interface EntryUpdate {
  readonly state: EntryState
  /** Counted retries so far. */
  readonly failures: number
  readonly visibleAt: number
  readonly reason: string | null
  readonly lastError: string | null
  readonly result: string | null
  readonly settledAt: number | null
  /** Of a dead letter: whether its agent knows. */
  readonly reported: boolean
}

export const pending = (now: number): EntryUpdate => ({
  state: "pending",
  failures: 0,
  visibleAt: now,
  reason: null,
  lastError: null,
  result: null,
  settledAt: null,
  reported: false
})

export const inFlight = (now: number): EntryUpdate => ({ ...pending(now), state: "inflight" })

export const dead = (now: number, reason: string, before: Partial<EntryUpdate> = {}): EntryUpdate => ({
  ...pending(now),
  ...before,
  state: "dead",
  reason,
  settledAt: now
})

/** Begins the reason of a dead letter whose call may have been carried out. */
export const unknownOutcome = (why: string): string => `unknown: it was sent and may have been carried out, but ${why}`

export const updated = (
  entry: Omit<Entry, "state" | "visibleAt" | "reason" | "lastError" | "result" | "settledAt">,
  { lastError, reason, result, settledAt, state, visibleAt }: EntryUpdate
): Entry => ({
  ...entry,
  state,
  visibleAt,
  reason: Option.fromNullishOr(reason),
  lastError: Option.fromNullishOr(lastError),
  result: Option.fromNullishOr(result),
  settledAt: Option.fromNullishOr(settledAt)
})
