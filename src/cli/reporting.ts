/** Errors go to standard error in one message; help that was asked for to standard output. */
import { Cause, Console, Effect, Option, Predicate } from "effect"
import { CliError, CliOutput } from "effect/cli"
import { Ended } from "./Failures.ts"

/** A wrong invocation: what was wrong and where to read on, on standard error. */
export const presenter = CliOutput.layerPresenter({
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    return Effect.gen(function*() {
      const formatter = yield* CliOutput.Formatter
      yield* Console.error(formatter.formatErrors(event.errors))
      yield* Console.error(`See "${event.commandPath.join(" ")} --help".`)
    })
  }
})

const isPresented = (error: unknown): boolean => CliError.isCliError(error) || error instanceof Ended

/** Says the failure's own message, once; an unexpected one with where it came from. */
export const reportFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const failure = Cause.findErrorOption(cause)
  if (Option.isNone(failure)) return Console.error(`holdfast: unexpected failure\n${Cause.pretty(cause)}`)
  if (isPresented(failure.value)) return Effect.void
  const message = Predicate.hasProperty(failure.value, "message")
    ? String(failure.value.message)
    : String(failure.value)
  return Console.error(`holdfast: ${message}`)
}
