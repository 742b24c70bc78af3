/** A moment in the admin API: ISO 8601 in UTC on the wire. */
import { DateTime, Option, Schema } from "effect"

export const Instant = Schema.DateTimeUtcFromString

/** Rounded down: under jitter the clock's milliseconds have fractions. */
export const instant = (millis: number): DateTime.Utc => DateTime.makeUnsafe(Math.floor(millis))

export const instantOrNull = (millis: Option.Option<number>): DateTime.Utc | null =>
  Option.match(millis, { onNone: () => null, onSome: instant })
