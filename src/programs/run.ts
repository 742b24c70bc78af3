/** The process: arguments in, exit code out. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { exitCode, noteSignal } from "../cli/exitCode.ts"
import { presenter, reportFailure } from "../cli/reporting.ts"
import { builtIns } from "../cli/root.ts"
import * as Screen from "../observability/Screen.ts"

// The first signal stops cleanly (the runtime's part); a second one ends the process at once.
let signals = 0
const onSignal = (signal: NodeJS.Signals) => {
  noteSignal(signal)
  signals += 1
  if (signals > 1) process.exit(130)
}

/** Runs a command line's effect as this process. */
export const run = <E>(program: Effect.Effect<void, E, NodeServices.NodeServices>): void => {
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  program.pipe(
    Effect.tapCause(reportFailure),
    Effect.provide([builtIns, presenter, Screen.layer, NodeServices.layer]),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => onExit(exitCode(exit))
    })
  )
}
