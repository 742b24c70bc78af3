/** Errors go to standard error in one message; help that was asked for to standard output. */
import { Cause, Console, Effect, Option, Predicate } from "effect"
import { CliError, CliOutput, TerminalCapabilities } from "effect/cli"
import * as Screen from "../observability/Screen.ts"
import { Ended } from "./Failures.ts"

/** The framework's own colors in help and errors, and no others. */
const formatter = Effect.map(TerminalCapabilities.TerminalCapabilities, ({ canColor }): CliOutput.Formatter => {
  const { formatCliError, formatError, formatErrors, formatHelpDoc, formatVersion } = CliOutput.defaultFormatter({
    colors: canColor
  })
  return {
    formatCliError: (error) => Screen.ours(formatCliError(error)),
    formatError: (error) => Screen.ours(formatError(error)),
    formatErrors: (errors) => Screen.ours(formatErrors(errors)),
    formatHelpDoc: (doc) => Screen.ours(formatHelpDoc(doc)),
    formatVersion: (name, version) => Screen.ours(formatVersion(name, version))
  }
})

/** The framework's words for what it expected, without its own names for things. */
const plain = (error: CliError.CliError): CliError.CliError => {
  if (error._tag !== "InvalidValue") return error
  const { kind, option, value } = error
  const expected = error.expected.replace("Schema validation failed: ", "").replace(
    /^Expected (a string representing a finite number|an integer)$/,
    "Expected a whole number"
  )
  return new CliError.InvalidValue({ kind, option, value, expected })
}

/** A wrong invocation: what was wrong and where to read on, on standard error. */
export const presenter = CliOutput.layerPresenter({
  present: (event) => {
    return Effect.gen(function*() {
      const inColor = yield* formatter
      if (event._tag !== "InvalidInvocation") {
        return yield* Effect.provideService(CliOutput.defaultPresenter.present(event), CliOutput.Formatter, inColor)
      }
      yield* Console.error(inColor.formatErrors(event.errors.map(plain)))
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
