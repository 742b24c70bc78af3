/**
 * How a process of ours ends: 0 done, 1 failed, 2 usage, 3 no daemon. What a signal cuts short ends with 130, a daemon that
 * a signal stops with 0; SIGHUP stops a daemon only where it has a terminal.
 */
import { Cause, Effect, Exit, Option, Queue, Runtime } from "effect"
import { CliError } from "effect/cli"

const cutShort = 130
let interrupted = cutShort
let reason: string | undefined

/** Called with whatever stops the process; the first counts. */
export const noteStop = (why: string): void => {
  reason ??= why
}

/** Why the process was interrupted, for the log. */
export const stopReason = (): string => reason ?? "interrupted"

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

// SIGHUP has two senders. The terminal sends it when it goes: then the daemon stops cleanly, as by SIGTERM. A service
// manager or an operator sends it to a daemon that has no terminal: then the relays are read anew.

const onTerminal = () => [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)

/** Waits for the next request to reload; they are heard for as long as the scope is open. */
export const hangups = Effect.gen(function*() {
  const queue = yield* Queue.sliding<void>(1)
  const stops = onTerminal()
  const listener = () => {
    if (stops) {
      noteStop("received SIGHUP")
      process.kill(process.pid, "SIGTERM")
    } else Queue.offerUnsafe(queue, undefined)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", listener)),
    () => Effect.sync(() => process.off("SIGHUP", listener))
  )
  return { next: Queue.take(queue) }
})
