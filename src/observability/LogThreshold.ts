/**
 * The level from which on events are logged. It starts as `log.level` says, and an operator changes it while the daemon
 * runs; the next event obeys.
 */
import { Context, Effect, type LogLevel, Schema } from "effect"
import type { LogLevel as Level } from "../config/Settings.ts"

/** Where `Logging.layer` is not: the program that embeds Holdfast has loggers and a level of its own. */
export class LogLevelForeign extends Schema.TaggedError<LogLevelForeign>()("LogLevelForeign", {}) {
  override get message(): string {
    return "the program that runs Holdfast decides what is logged"
  }
}

export interface LogThreshold {
  /** Synchronous and cheap, for a path that each live call takes: what is not logged need not be put together. */
  readonly isEnabled: (severity: LogLevel.LogLevel) => boolean
  readonly level: Effect.Effect<Level, LogLevelForeign>
  readonly set: (level: Level) => Effect.Effect<void, LogLevelForeign>
}

const order: Readonly<Record<LogLevel.LogLevel | Level, number>> = {
  All: 0,
  Trace: 0,
  Debug: 1,
  debug: 1,
  Info: 2,
  info: 2,
  Warn: 3,
  warning: 3,
  Error: 4,
  error: 4,
  Fatal: 5,
  None: 6
}

export const LogThreshold = Context.Reference<LogThreshold>("holdfast/observability/LogThreshold", {
  defaultValue: () => ({
    isEnabled: () => true,
    level: Effect.fail(new LogLevelForeign()),
    set: () => Effect.fail(new LogLevelForeign())
  })
})

export const make = (first: Level): LogThreshold => {
  let level = first
  return {
    isEnabled: (severity) => order[severity] >= order[level],
    level: Effect.sync(() => level),
    set: (next) =>
      Effect.sync(() => {
        level = next
      })
  }
}
