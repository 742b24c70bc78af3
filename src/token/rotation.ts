/** When a token source is asked again (BEHAVIOUR 7). All in milliseconds. */
import { Option } from "effect"

const early = 5 * 60_000
const leastPause = 1000
/** Between two asks of a source that gives the same token again, however soon that one ends. */
const leastPauseUnchanged = 30_000

/** Between asks of a source that refused, and of one whose tokens the relay refused 5 times in a row. */
export const rest = 5 * 60_000

export const refusalsInRow = 5

/** Until the time of day is looked at again while nothing is due. */
export const longestNap = 60_000

/** The source is given up on after this long, once for each ask. */
export const patience = 10_000

/** What a source may take of that, so that it can still say itself what took too long. */
export const sourceTimeout = patience - 500

const firstRetry = 2000
const retryCap = 30_000

/** Until the next try after that many transient failures in a row: 2, 4, 8 s, and 30 s at most. */
export const retryAfter = (failures: number): number => Math.min(firstRetry * 2 ** (failures - 1), retryCap)

/**
 * At the expiry minus 5 minutes, or a fifth of the lifetime if that is shorter; `jitter` (0 to 1) brings it forward by up
 * to a fifth of that again. `None` where the token has no end.
 */
export const refreshAt = (
  end: Option.Option<number>,
  at: number,
  options: { readonly jitter: number; readonly changed: boolean }
): Option.Option<number> =>
  Option.map(end, (expiresAt) => {
    const margin = Math.min(early, (expiresAt - at) / 5)
    const due = expiresAt - margin * (1 + options.jitter / 5)
    return Math.floor(Math.max(due, at + (options.changed ? leastPause : leastPauseUnchanged)))
  })

/** Whether a source that failed may be asked again because the relay refused the token, without hammering it. */
export const mayAskAgain = (lastAskAt: number, at: number): boolean => at - lastAskAt >= firstRetry
