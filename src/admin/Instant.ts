/** A moment in the admin API: ISO 8601 in UTC on the wire. */
import { DateTime, Option, Schema } from "effect"
import { lastMoment } from "../domain/ForeignTime.ts"

export const Instant = Schema.DateTimeUtcFromString

/** Rounded down: under jitter the clock's milliseconds have fractions. What is stored, however odd, breaks no listing. */
export const instant = (millis: number): DateTime.Utc =>
  DateTime.makeUnsafe(Number.isNaN(millis) ? 0 : Math.floor(Math.min(Math.max(0, millis), lastMoment)))

export const instantOrNull = (millis: Option.Option<number>): DateTime.Utc | null =>
  Option.match(millis, { onNone: () => null, onSome: instant })
