#!/usr/bin/env node
/** The process: arguments in, exit code out. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { exitCode, noteSignal } from "./cli/exitCode.ts"
import { flags, holdfast } from "./cli/holdfast.ts"
import { presenter, reportFailure } from "./cli/reporting.ts"
import { version } from "./domain/Version.ts"

// The first signal stops cleanly (the runtime's part); a second one ends the process at once.
let signals = 0
const onSignal = (signal: NodeJS.Signals) => {
  noteSignal(signal)
  signals += 1
  if (signals > 1) process.exit(130)
}
process.on("SIGINT", onSignal)
process.on("SIGTERM", onSignal)

holdfast.pipe(
  Command.run({ version }),
  Effect.tapCause(reportFailure),
  Effect.provide([flags, presenter, NodeServices.layer]),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(exitCode(exit))
  })
)
