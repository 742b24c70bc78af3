/**
 * Logs go to stderr, one line an event (BEHAVIOUR 11), as `log.format` says: `pretty` for people, which is the default on
 * a terminal, `logfmt`, the default elsewhere, or `json`.
 *
 * Each line has `timestamp`, `level` and one `message`, then fields of its own, such as `relay` and `agent`; `error` is a
 * failure: its stack in logfmt and json, its message in pretty. A secret is `Redacted` and prints so; arguments of calls
 * are not logged.
 *
 * The level is `LogThreshold`'s, which changes at run time. Effect's own is fixed per fiber, so that is the lowest of ours.
 */
import { Array as Arr, Cause, Effect, Layer, Logger, Predicate, Redacted, References } from "effect"
import { inspect, styleText } from "node:util"
import { Settings, type SettingsValues } from "../config/Settings.ts"
import { LogThreshold, make as makeThreshold } from "./LogThreshold.ts"
import * as Screen from "./Screen.ts"

type Format = NonNullable<SettingsValues["log"]["format"]>
type Value = string | number | boolean | null

/** Named as the setting names them. */
const levelNames = { Fatal: "error", Error: "error", Warn: "warning", Info: "info", Debug: "debug", Trace: "debug" }

const colors = { Fatal: "red", Error: "red", Warn: "yellow", Info: "blue", Debug: "gray", Trace: "gray" } as const

interface Event {
  readonly date: Date
  readonly level: keyof typeof colors
  readonly message: string
  readonly fields: ReadonlyArray<readonly [key: string, value: Value]>
  readonly errors: ReadonlyArray<Error>
}

/** A list of names reads as one text; anything else that is no plain value is shown as Node shows it. */
const toValue = (value: unknown): Value => {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
    return value
  }
  if (Array.isArray(value) && value.every(Predicate.isString)) return value.join(", ")
  return inspect(value, { breakLength: Infinity })
}

const isFields = (part: unknown): part is Readonly<Record<string, unknown>> =>
  Predicate.isObject(part) && !Array.isArray(part) && !Redacted.isRedacted(part)

/** What is logged as an object beside the message becomes fields, as annotations do. */
const toEvent = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): Event => {
  const texts: Array<string> = []
  const errors: Array<Error> = []
  const fields = new Map<string, Value>()
  const add = (record: Readonly<Record<string, unknown>>) => {
    for (const [key, value] of Object.entries(record)) if (value !== undefined) fields.set(key, toValue(value))
  }
  add(fiber.getRef(References.CurrentLogAnnotations))
  for (const part of Arr.ensure(message)) {
    if (part instanceof Error) errors.push(part)
    else if (isFields(part)) add(part)
    else texts.push(String(toValue(part)))
  }
  return {
    date,
    level: logLevel === "All" || logLevel === "None" ? "Info" : logLevel,
    message: texts.join(": "),
    fields: [...fields],
    errors: [...errors, ...Cause.prettyErrors(cause)]
  }
}

/** Only the color is ours, not what it is given. */
const styledText = (style: Parameters<typeof styleText>[0], text: string): string => {
  const [open = "", close = ""] = styleText(style, "\0", { validateStream: false }).split("\0")
  return Screen.ours(open) + text + Screen.ours(close)
}

const pretty = (color: boolean) => (options: Logger.Options<unknown>): string => {
  const { date, errors, fields, level, message } = toEvent(options)
  const painted = (style: Parameters<typeof styleText>[0], text: string) => color ? styledText(style, text) : text
  return [
    painted("dim", date.toISOString().slice(11, 19)),
    painted(colors[level], level.toUpperCase().padEnd(5)),
    [message, ...errors.map((error) => error.message)].map(Screen.oneLine).join(": "),
    ...fields.map(([key, value]) => painted("dim", `${key}=${Screen.oneLine(String(value))}`))
  ].join(" ")
}

/** The names that every line has belong to the format: a field of such a name is written with an underscore behind it. */
const ownKeys: ReadonlySet<string> = new Set(["timestamp", "level", "message", "error"])

const entries = (options: Logger.Options<unknown>): ReadonlyArray<readonly [key: string, value: Value]> => {
  const { date, errors, fields, level, message } = toEvent(options)
  const stacks = errors.map((error) => error.stack ?? error.message)
  return [
    ["timestamp", date.toISOString()],
    ["level", levelNames[level]],
    ["message", message],
    ...fields.map(([key, value]) => [ownKeys.has(key) ? `${key}_` : key, value] as const),
    ...stacks.length === 0 ? [] : [["error", stacks.join("\n")] as const]
  ]
}

const quoted = (text: string): string => Screen.plainJson(JSON.stringify(text))

/** A text that needs no quotes in any case, as nearly all do. */
const bare = /^[!#-<>-[\]-~]+$/

const logfmtValue = (value: Value): string =>
  typeof value === "string" && !bare.test(value)
    && (!/^[^\s"=\\]+$/.test(value) || Screen.plain(value) !== value)
    ? quoted(value)
    : String(value)

const logfmt = (options: Logger.Options<unknown>): string =>
  entries(options).map(([key, value]) => `${key}=${logfmtValue(value)}`).join(" ")

const json = (options: Logger.Options<unknown>): string =>
  `{${
    entries(options)
      .map(([key, value]) => `${quoted(key)}:${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`)
      .join(",")
  }}`

/** What stderr is: decides the default format, and whether there is color. */
export interface Terminal {
  readonly isTerminal: boolean
  readonly color: boolean
}

const formats = (color: boolean): Readonly<Record<Format, (options: Logger.Options<unknown>) => string>> => ({
  pretty: pretty(color),
  logfmt,
  json
})

export const layerFor = (log: SettingsValues["log"], terminal: Terminal): Layer.Layer<never> => {
  const format = log.format ?? (terminal.isTerminal ? "pretty" : "logfmt")
  const threshold = makeThreshold(log.level)
  const written = Logger.withConsoleError(Logger.make(formats(terminal.color)[format]))
  const logger = Logger.make<unknown, void>((options) => {
    if (threshold.isEnabled(options.logLevel)) written.log(options)
  })
  return Layer.mergeAll(
    Logger.layer([logger]),
    Layer.succeed(References.MinimumLogLevel, "Debug"),
    Layer.succeed(LogThreshold, threshold)
  )
}

export const layer = Layer.unwrap(Effect.map(Settings, ({ log }) =>
  layerFor(log, {
    isTerminal: process.stderr.isTTY,
    // Knows NO_COLOR.
    color: process.stderr.isTTY && process.stderr.hasColors()
  })))
