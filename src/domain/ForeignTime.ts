/**
 * Times that another program names: a relay, a mint, an authorization server, a command. All are read here and within
 * bounds, so that nothing they say stops a queue, is refused by a column or breaks a listing.
 */
import { DateTime, Option, Predicate } from "effect"

/** The longest that anybody may have us wait, milliseconds. */
export const maxRetryAfter = 60 * 60 * 1000

/** The last moment that ISO 8601 writes with four digits of year. */
export const lastMoment = Date.UTC(9999, 11, 31, 23, 59, 59)

/** A hundred years. */
const maxLifetime = 100 * 365.25 * 24 * 60 * 60 * 1000

const within = (number: number, max: number): number => Math.min(Math.max(0, Math.floor(number)), max)

/**
 * Milliseconds to wait, an hour at most, of a `Retry-After`: seconds or a date (RFC 9110, section 10.2.3). `undefined`
 * for what is neither.
 */
export const retryAfterMillis = (value: string | undefined, now: number): number | undefined => {
  const text = value?.trim() ?? ""
  if (/^\d+$/.test(text)) return within(Number(text) * 1000, maxRetryAfter)
  // Every form of an HTTP date begins with the name of the day.
  if (!/^[A-Z][a-z]{2}/.test(text)) return undefined
  return Option.getOrUndefined(
    Option.map(DateTime.make(text), (date) => within(DateTime.toEpochMillis(date) - now, maxRetryAfter))
  )
}

/** Below it a number counts seconds since the epoch, from it on milliseconds. */
const millisFrom = 100_000_000_000

/** Milliseconds since the epoch, of ISO 8601 or of a number of seconds or milliseconds; at most the year 9999. */
export const moment = (value: unknown): Option.Option<number> => {
  const number = Predicate.isString(value) && /^\d+$/.test(value) ? Number(value) : value
  if (Predicate.isNumber(number)) return Option.some(within(number < millisFrom ? number * 1000 : number, lastMoment))
  if (!Predicate.isString(value)) return Option.none()
  return Option.map(DateTime.make(value), (date) => within(DateTime.toEpochMillis(date), lastMoment))
}

/** Milliseconds of a number of seconds, such as `expires_in`; at most a hundred years. */
export const lifetime = (value: unknown): Option.Option<number> => {
  const seconds = Predicate.isString(value) && value.trim() !== "" ? Number(value) : value
  return Predicate.isNumber(seconds) && !Number.isNaN(seconds)
    ? Option.some(within(seconds * 1000, maxLifetime))
    : Option.none()
}
