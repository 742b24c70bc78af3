/** What becomes of an entry after an attempt: the rules of repetition (BEHAVIOUR 5, "Delivery"). */
import { Duration, Effect } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as Backoff from "../../supervision/Backoff.ts"
import { dead, type EntryUpdate, pending, unknownOutcome } from "../Entry.ts"
import type { Verdict } from "./Verdict.ts"

export interface Retries {
  /** `before`: how often it was sent, this time included, and how many retries were counted. */
  readonly updateAfter: (
    verdict: Verdict,
    before: { readonly attempts: number; readonly failures: number },
    now: number
  ) => EntryUpdate
  /** How many milliseconds a lane waits between letters once the relay has refused so many in a row alike. */
  readonly pauseAfter: (inARow: number) => number
}

const refusalsBeforePause = 3
const pauses = Backoff.exponential({ base: "1 second", max: "60 seconds" })

/** Of a result, as of an entry; it is kept for a day, and an agent may have any number of them. */
const maxResultBytes = 1024 * 1024

/** A longer one is named in its place. */
const kept = (result: string): string => {
  const bytes = Buffer.byteLength(result)
  if (bytes <= maxResultBytes) return result
  const text = `The relay took this call. Its result has ${bytes} bytes and is not kept: ${maxResultBytes} at most are.`
  return JSON.stringify({ content: [{ type: "text", text }] })
}

/** No fiber waits for a retry: the time of the next attempt is stored in the row, and is the same after a crash. */
export const make = Effect.gen(function*() {
  const { outbox } = yield* Settings
  const backoff = yield* Backoff.byFailures(Backoff.exponential({ base: outbox.retryBase, max: outbox.retryCap }))
  const pause = yield* Backoff.byFailures(pauses)

  const updateAfter: Retries["updateAfter"] = (verdict, { attempts, failures }, now) => {
    const again = (at: number, lastError: string) => ({ ...pending(now), failures, visibleAt: at, lastError })
    switch (verdict._tag) {
      case "Delivered":
        return { ...pending(now), state: "delivered", failures, result: kept(verdict.result), settledAt: now }
      case "Refused":
        return dead(now, verdict.why, { failures, lastError: verdict.why })
      case "Unknown":
        return dead(now, unknownOutcome(verdict.why), { failures, lastError: verdict.why })
      case "Retry":
        return failures >= outbox.retries
          ? dead(now, `given up after ${outbox.retries} retries: ${verdict.why}`, { failures, lastError: verdict.why })
          : { ...again(now + Math.max(verdict.millis, backoff(failures + 1)), verdict.why), failures: failures + 1 }
      case "Wait":
        return again(now + (verdict.millis ?? backoff(attempts)), verdict.why)
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

  const retries: Retries = {
    updateAfter,
    pauseAfter: (inARow) => inARow < refusalsBeforePause ? 0 : pause(inARow - refusalsBeforePause + 1)
  }
  return retries
})
