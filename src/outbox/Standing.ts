/** What becomes of an entry after an attempt: the relay's verdict under the rules of repetition (BEHAVIOUR 5, "Delivery"). */
import { Duration, Option } from "effect"
import type { SettingsValues } from "../config/Settings.ts"
import type { Verdict } from "./delivery/Verdict.ts"
import type { Entry, EntryState } from "./Entry.ts"

/** The columns of a row that change over its life; times in milliseconds. */
export interface Standing {
  readonly state: EntryState
  /** Counted retries so far. */
  readonly failures: number
  readonly visibleAt: number
  readonly reason: string | null
  readonly lastError: string | null
  readonly result: string | null
  readonly settledAt: number | null
  /** Of a dead letter: whether the agent knows. */
  readonly told: boolean
}

export const waiting = (now: number): Standing => ({
  state: "pending",
  failures: 0,
  visibleAt: now,
  reason: null,
  lastError: null,
  result: null,
  settledAt: null,
  told: false
})

export const inFlight = (now: number): Standing => ({ ...waiting(now), state: "inflight" })

export const dead = (now: number, reason: string, before: Partial<Standing> = {}): Standing => ({
  ...waiting(now),
  ...before,
  state: "dead",
  reason,
  settledAt: now
})

/** Doubles from the base to the cap; `failures` counts from 1. */
const backoff = (failures: number, { retryBase, retryCap }: SettingsValues["outbox"]): number =>
  Math.min(Duration.toMillis(retryCap), Duration.toMillis(retryBase) * 2 ** (failures - 1))

/** `before`: how often it was sent, this time included, and how many retries were counted. */
export const standingAfter = (
  verdict: Verdict,
  before: { readonly attempts: number; readonly failures: number },
  now: number,
  outbox: SettingsValues["outbox"]
): Standing => {
  const { attempts, failures } = before
  const again = (at: number, lastError: string) => ({ ...waiting(now), failures, visibleAt: at, lastError })
  switch (verdict._tag) {
    case "Delivered":
      return { ...waiting(now), state: "delivered", failures, result: verdict.result, settledAt: now }
    case "Refused":
      return dead(now, verdict.why, { failures, lastError: verdict.why })
    case "Unknown":
      return dead(now, `unknown: it was sent and may have been carried out, but ${verdict.why}`, {
        failures,
        lastError: verdict.why
      })
    case "Retry":
      return failures >= outbox.retries
        ? dead(now, `given up after ${outbox.retries} retries: ${verdict.why}`, { failures, lastError: verdict.why })
        : {
          ...again(now + Math.max(verdict.millis, backoff(failures + 1, outbox)), verdict.why),
          failures: failures + 1
        }
    case "Wait":
      return again(now + (verdict.millis ?? backoff(attempts, outbox)), verdict.why)
    case "Hold":
      return {
        ...again(now + Duration.toMillis(outbox.retryHeld), verdict.why),
        state: "held",
        reason: `held by the relay: ${verdict.why}`
      }
    case "BackToHead":
      return again(now + verdict.millis, verdict.why)
  }
}

export const standing = (
  entry: Entry,
  { lastError, reason, result, settledAt, state, visibleAt }: Standing
): Entry => ({
  ...entry,
  state,
  visibleAt,
  reason: Option.fromNullishOr(reason),
  lastError: Option.fromNullishOr(lastError),
  result: Option.fromNullishOr(result),
  settledAt: Option.fromNullishOr(settledAt)
})

const refusalsBeforePause = 3
const longestPause = 60_000

/** How long a lane waits between letters once the relay has refused so many in a row alike. */
export const pauseAfter = (inARow: number): number =>
  inARow < refusalsBeforePause ? 0 : Math.min(longestPause, 1_000 * 2 ** (inARow - refusalsBeforePause))
