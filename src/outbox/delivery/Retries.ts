/** What becomes of an entry after an attempt: the rules of repetition (BEHAVIOUR 5, "Delivery"). */
import { Duration } from "effect"
import type { SettingsValues } from "../../config/Settings.ts"
import { dead, type EntryUpdate, pending, unknownOutcome } from "../Entry.ts"
import type { Verdict } from "./Verdict.ts"

/**
 * Doubles from the base to the cap; `failures` counts from 1. A function and no `Schedule`, since no fiber waits: the time
 * of the next attempt is stored in the row, and has to be the same after a crash.
 */
const backoff = (failures: number, { retryBase, retryCap }: SettingsValues["outbox"]): number =>
  Math.min(Duration.toMillis(retryCap), Duration.toMillis(retryBase) * 2 ** (failures - 1))

/** `before`: how often it was sent, this time included, and how many retries were counted. */
export const updateAfter = (
  verdict: Verdict,
  before: { readonly attempts: number; readonly failures: number },
  now: number,
  outbox: SettingsValues["outbox"]
): EntryUpdate => {
  const { attempts, failures } = before
  const again = (at: number, lastError: string) => ({ ...pending(now), failures, visibleAt: at, lastError })
  switch (verdict._tag) {
    case "Delivered":
      return { ...pending(now), state: "delivered", failures, result: verdict.result, settledAt: now }
    case "Refused":
      return dead(now, verdict.why, { failures, lastError: verdict.why })
    case "Unknown":
      return dead(now, unknownOutcome(verdict.why), { failures, lastError: verdict.why })
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

const refusalsBeforePause = 3
const maxPause = 60_000

/** How long a lane waits between letters once the relay has refused so many in a row alike. */
export const pauseAfter = (inARow: number): number =>
  inARow < refusalsBeforePause ? 0 : Math.min(maxPause, 1_000 * 2 ** (inARow - refusalsBeforePause))
