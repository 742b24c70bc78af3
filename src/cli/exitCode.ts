/** 0 done, 1 failed, 2 usage, 3 no daemon; what a signal cut short ends with 130, a daemon that it stopped with 0. */
import { Cause, Effect, Exit, Option, Runtime } from "effect"
import { CliError } from "effect/cli"

const cutShort = 130
let interrupted = cutShort
let received: NodeJS.Signals | undefined

/** Called with each signal that stops the process. */
export const noteSignal = (signal: NodeJS.Signals): void => {
  received ??= signal
}

/** Why the process was interrupted, for the log. */
export const stopReason = (): string => received === undefined ? "interrupted" : `received ${received}`

/** For a daemon: a signal is the normal way to stop it. */
export const stopsBySignal = Effect.onInterrupt(() =>
  Effect.sync(() => {
    interrupted = 0
  })
)

export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const failure = Cause.findErrorOption(exit.cause)
  if (Option.isNone(failure)) return 1
  return CliError.isCliError(failure.value) ? 2 : Runtime.getErrorExitCode(failure.value)
}
