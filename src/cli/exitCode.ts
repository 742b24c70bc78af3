/** 0 done, 1 failed, 2 usage, 3 no daemon; what a signal cut short ends with 130, a daemon that it stopped with 0. */
import { Cause, Effect, Exit, Option, Runtime } from "effect"
import { CliError } from "effect/cli"

const cutShort = 130
let interrupted = cutShort

/** For a daemon: being stopped by a signal is how it is meant to end. */
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
