/** The process: arguments in, exit code out. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { exitCode, noteStop } from "../cli/exitCode.ts"
import { presenter, reportFailure } from "../cli/reporting.ts"
import { builtIns } from "../cli/root.ts"
import * as Screen from "../observability/Screen.ts"
import { type ToDaemon, variable } from "../supervision/SupervisorProtocol.ts"

// The first signal stops cleanly (the runtime's part); a second one ends the process at once. One that the supervisor
// passes on is none of them: the same may have come to us, from a terminal or a service manager.
let signals = 0
let passedOn = 0
const onSignal = (signal: NodeJS.Signals) => {
  noteStop(`received ${signal}`)
  signals += 1
  if (signals - passedOn > 1) process.exit(130)
}

const passOn = (signal: NodeJS.Signals) => {
  passedOn += 1
  process.emit(signal, signal)
}

const lookEvery = 1_000
let isOrphaned = false
const onOrphaned = () => {
  if (isOrphaned) return
  isOrphaned = true
  noteStop("its supervisor has ended")
  passOn("SIGTERM")
}

/** For a daemon under `supervise.ts`: signals come from there too, and without it the daemon ends. */
const obeySupervisor = () => {
  process.on("message", (message: ToDaemon) => {
    if (message.tag === "signal") passOn(message.signal)
  })
  process.on("disconnect", onOrphaned)
  process.channel?.unref()
  // Node does not tell of a parent that ended before it took a socket that was sent to it.
  setInterval(() => process.connected || onOrphaned(), lookEvery).unref()
}

/** Runs a command line's effect as this process. */
export const run = <E>(program: Effect.Effect<void, E, NodeServices.NodeServices>): void => {
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  if (process.env[variable] !== undefined) obeySupervisor()
  program.pipe(
    Effect.tapCause(reportFailure),
    Effect.provide([builtIns, presenter, Screen.layer, NodeServices.layer]),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => onExit(exitCode(exit))
    })
  )
}
