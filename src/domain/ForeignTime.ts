/**
 * Reads times that another program names: a relay, a mint, an authorization server, a command. Each has limits, so that
 * no such time stops a queue, breaks a column or breaks a listing.
 */
import { DateTime, Option, Predicate } from "effect"

/** Nobody makes us wait for longer, milliseconds. */
export const maxRetryAfter = 60 * 60 * 1000

/** The last second that ISO 8601 writes with a year of four digits. */
export const lastMoment = Date.UTC(9999, 11, 31, 23, 59, 59)

/** A hundred years. */
const maxLifetime = 100 * 365.25 * 24 * 60 * 60 * 1000

const clamped = (number: number, max: number): number => Math.min(Math.max(0, Math.floor(number)), max)

/**
 * Reads a `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3), as milliseconds from now, limited to an
 * hour. `undefined` for anything else.
 */
export const retryAfterMillis = (value: string | undefined, now: number): number | undefined => {
  const text = value?.trim() ?? ""
  if (/^\d+$/.test(text)) return clamped(Number(text) * 1000, maxRetryAfter)
  // Every form of an HTTP date begins with the name of the day.
  if (!/^[A-Z][a-z]{2}/.test(text)) return undefined
  return Option.getOrUndefined(
    Option.map(DateTime.make(text), (date) => clamped(DateTime.toEpochMillis(date) - now, maxRetryAfter))
  )
}

/** Reads digits that name a delay in milliseconds, as an event's `retry` does, limited to an hour. */
export const delayMillis = (digits: string): number => clamped(Number(digits), maxRetryAfter)

/** Below it a number counts seconds since the epoch, from it on milliseconds. */
const millisFrom = 100_000_000_000

/**
 * Reads ISO 8601, or a number of seconds or milliseconds, as milliseconds since the epoch, limited to the year 9999.
 */
export const moment = (value: unknown): Option.Option<number> => {
  const number = Predicate.isString(value) && /^\d+$/.test(value) ? Number(value) : value
  if (Predicate.isNumber(number)) return Option.some(clamped(number < millisFrom ? number * 1000 : number, lastMoment))
  if (!Predicate.isString(value)) return Option.none()
  return Option.map(DateTime.make(value), (date) => clamped(DateTime.toEpochMillis(date), lastMoment))
}

/** Takes milliseconds since the epoch, limited to the year 9999, as a whole number. */
export const millis = (value: number): number => Number.isNaN(value) ? 0 : clamped(value, lastMoment)

/** Reads a number of seconds, such as `expires_in`, as milliseconds, limited to a hundred years. */
export const lifetime = (value: unknown): Option.Option<number> => {
  const seconds = Predicate.isString(value) && value.trim() !== "" ? Number(value) : value
  return Predicate.isNumber(seconds) && !Number.isNaN(seconds)
    ? Option.some(clamped(seconds * 1000, maxLifetime))
    : Option.none()
}
