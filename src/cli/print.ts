/** How commands print: JSON documents, tables, ages and colors. */
import { Clock, Console, DateTime, Effect, Schema } from "effect"
import { TerminalCapabilities } from "effect/cli"
import * as Screen from "../observability/Screen.ts"

/** Prints one JSON document on standard output: exactly what the admin API answers. */
export const printJson = <S extends Schema.Top>(schema: S) => {
  const encode = Schema.encodeEffect(Schema.toCodecJson(schema))
  return (value: S["Type"]) =>
    Effect.flatMap(
      Effect.orDie(encode(value)),
      (document) => Console.log(Screen.plainJson(JSON.stringify(document, null, 2)))
    )
}

/** Rows under a heading, each column as wide as its widest cell. */
export const table = (heading: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const lines = [heading, ...rows].map((cells) => cells.map(Screen.oneLine))
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd())
    .join("\n")
}

/** The present moment in whole milliseconds. */
export const now: Effect.Effect<DateTime.Utc> = Effect.map(
  Clock.currentTimeMillis,
  (millis) => DateTime.makeUnsafe(Math.floor(millis))
)

const units: ReadonlyArray<readonly [millis: number, name: string]> = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"]
]

/** The time between two moments, in either direction: "12 s", "3 min", "5 h", "2 d". */
export const formatAge = (a: DateTime.Utc, b: DateTime.Utc): string => {
  const millis = Math.abs(DateTime.toEpochMillis(a) - DateTime.toEpochMillis(b))
  const unit = units.find(([size]) => millis >= size)
  return unit === undefined ? `${Math.floor(millis / 1000)} s` : `${Math.floor(millis / unit[0])} ${unit[1]}`
}

const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const

export type Paint = (color: keyof typeof codes, text: string) => string

/** Colors text on a terminal, unless `NO_COLOR` is set; elsewhere it leaves text as it is. */
export const colors: Effect.Effect<Paint> = Effect.map(
  TerminalCapabilities.TerminalCapabilities,
  ({ canColor }) => (color, text) =>
    canColor ? Screen.ours(`\u001b[${codes[color]}m`) + text + Screen.ours("\u001b[0m") : text
)
