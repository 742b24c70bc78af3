/** When a source is asked again (BEHAVIOUR 7). All in milliseconds. */
import { Option } from "effect"
import * as Backoff from "../supervision/Backoff.ts"

const minute = 60_000

/** A source that has not answered by then has failed. */
export const timeout = 10_000

/** What a source may take of that, so that it can still say itself what took too long. */
export const sourceTimeout = timeout - 500

/** Between asks of a source that refused, and of one whose tokens the relay refused 5 times in a row. */
export const coolDown = 5 * minute

/** A timer stands still while a computer sleeps, so none runs for longer than this. */
export const maxSleep = minute

/** After transient failures in a row: 2, 4, 8, 16 s, then every 30 s. */
export const retries = Backoff.exponential({ base: "2 seconds", max: "30 seconds" })

/** Between two asks of a failing source that a refused request causes. */
export const minPause = 2000

/** 5 minutes before the end, or a fifth of the lifetime before it if that is shorter. */
const margin = (expiresAt: number, issuedAt: number): number => Math.min(5 * minute, (expiresAt - issuedAt) / 5)

/** Until when a credential need not be renewed. `None` where it has no known end. */
export const freshUntil = (expiresAt: Option.Option<number>, issuedAt: number): Option.Option<number> =>
  Option.map(expiresAt, (end) => end - margin(end, issuedAt))

/**
 * When to ask for the next one ahead of time. `jitter` (0 to 1) brings that forward by up to a fifth of the margin.
 * A source that gave the same credential again is left alone for 30 s, however soon that one ends.
 */
export const refreshAt = (
  expiresAt: Option.Option<number>,
  issuedAt: number,
  options: { readonly jitter: number; readonly repeated: boolean }
): Option.Option<number> =>
  Option.map(expiresAt, (end) => {
    const due = end - margin(end, issuedAt) * (1 + options.jitter / 5)
    return Math.floor(Math.max(due, issuedAt + (options.repeated ? 30_000 : 1000)))
  })
