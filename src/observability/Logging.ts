/**
 * Logs go to stderr, one line an event (BEHAVIOUR 11), as `log.format` says: `pretty` for people, which is the default on
 * a terminal, `logfmt`, the default elsewhere, or `json`. The latter two hold a failure's stack, `pretty` its message.
 *
 * What is secret is `Redacted` and prints so; arguments of calls are never logged in the first place.
 */
import { Array as Arr, Cause, Effect, Layer, Logger, type LogLevel, References } from "effect"
import { inspect, styleText } from "node:util"
import { Settings, type SettingsValues } from "../config/Settings.ts"

type Level = SettingsValues["log"]["level"]
type Format = NonNullable<SettingsValues["log"]["format"]>

const minimum: Readonly<Record<Level, LogLevel.LogLevel>> = {
  debug: "Debug",
  info: "Info",
  warning: "Warn",
  error: "Error"
}

const colours = { Fatal: "red", Error: "red", Warn: "yellow", Info: "blue", Debug: "gray", Trace: "gray" } as const

/** Without line ends and terminal sequences: what a relay says must not write to an operator's screen. */
const plain = (value: unknown): string =>
  (typeof value === "string" ? value : inspect(value, { breakLength: Infinity })).replaceAll(/\p{Cc}+/gu, " ")

const pretty = (colour: boolean) =>
  Logger.make<unknown, string>(({ cause, date, fiber, logLevel, message }) => {
    const painted = (style: Parameters<typeof styleText>[0], text: string) =>
      colour ? styleText(style, text, { validateStream: false }) : text
    const level = logLevel === "All" || logLevel === "None" ? "Info" : logLevel
    const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
      .map(([key, value]) => painted("dim", `${key}=${plain(value)}`))
    const failures = Cause.prettyErrors(cause).map((error) => plain(error.message))
    return [
      painted("dim", date.toISOString().slice(11, 19)),
      painted(colours[level], level.toUpperCase().padEnd(5)),
      [...Arr.ensure(message).map(plain), ...failures].join(": "),
      ...annotations
    ].join(" ")
  })

/** What stderr is: decides the default format, and whether there is colour. */
export interface Terminal {
  readonly isTerminal: boolean
  readonly colour: boolean
}

const loggers = (colour: boolean): Readonly<Record<Format, Logger.Logger<unknown, string>>> => ({
  pretty: pretty(colour),
  logfmt: Logger.formatLogFmt,
  json: Logger.formatJson
})

export const layerFor = (log: SettingsValues["log"], terminal: Terminal): Layer.Layer<never> => {
  const format = log.format ?? (terminal.isTerminal ? "pretty" : "logfmt")
  return Layer.merge(
    Logger.layer([Logger.withConsoleError(loggers(terminal.colour)[format])]),
    Layer.succeed(References.MinimumLogLevel, minimum[log.level])
  )
}

export const layer = Layer.unwrap(Effect.map(Settings, ({ log }) =>
  layerFor(log, {
    isTerminal: process.stderr.isTTY,
    // Knows NO_COLOR.
    colour: process.stderr.isTTY && process.stderr.hasColors()
  })))
