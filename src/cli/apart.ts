/** How long ago, or how far ahead, a moment is: "12 s", "3 min", "5 h", "2 d". */
import { DateTime } from "effect"

const units: ReadonlyArray<readonly [millis: number, name: string]> = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"]
]

export const apart = (a: DateTime.Utc, b: DateTime.Utc): string => {
  const millis = Math.abs(DateTime.toEpochMillis(a) - DateTime.toEpochMillis(b))
  const unit = units.find(([size]) => millis >= size)
  return unit === undefined ? `${Math.floor(millis / 1000)} s` : `${Math.floor(millis / unit[0])} ${unit[1]}`
}
