import { Console, Effect, Option, Schedule } from "effect"
import { Command } from "effect/cli"
import { provenSupervisor } from "../storage/DaemonProof.ts"
import { provenNow } from "../storage/ProvenDaemon.ts"
import { isAlive, startOf } from "../supervision/HostProcess.ts"
import { daemonDirectory } from "./configuration.ts"
import { command } from "./connect/command.ts"
import * as Service from "./connect/Service.ts"
import { withDaemon } from "./DaemonClient.ts"
import { CommandFailed } from "./Failures.ts"
import { servingProcess } from "./servingProcess.ts"

/** Longer than what is in flight may take. */
const timeout = "20 seconds"

const untilGone = (pid: number) =>
  Effect.suspend(() => isAlive(pid) ? Effect.fail("not yet" as const) : Effect.void).pipe(
    Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { duration: timeout })),
    Effect.mapError(() => new CommandFailed({ message: `process ${pid} has not ended after ${timeout}` }))
  )

const terminate = Effect.fnUntraced(function*(pid: number) {
  if (isAlive(pid)) yield* Effect.ignore(Effect.try(() => process.kill(pid, "SIGTERM")))
  yield* untilGone(pid)
})

/** While its daemon is being started again. Its id comes from a file, so its start has to be the recorded one. */
const supervisorAlone = Effect.fnUntraced(function*(dataDir: string) {
  if (Option.isSome(yield* Effect.option(provenNow(dataDir)))) return undefined
  const pid = provenSupervisor(dataDir)
  return pid !== undefined && startOf(pid) !== undefined ? pid : undefined
})

/**
 * A clean end of the daemon on the data directory, and of its supervisor. The daemon's process id is the one that it gives
 * itself behind the admin secret: a file may name a process that is somebody else's by now.
 */
export const stopDaemon = Effect.fn("stopDaemon")(function*(dataDir: string) {
  const alone = yield* supervisorAlone(dataDir)
  if (alone !== undefined) {
    yield* terminate(alone)
    return alone
  }
  const { pid, supervisor } = yield* servingProcess
  const service = yield* Service.find(dataDir)
  if (Option.exists(service, ({ kind }) => kind === "systemd")) {
    // With the socket, which would start it again.
    yield* command("systemctl", ["--user", "stop", ...Service.units(Option.getOrThrow(service))], 30_000)
  }
  yield* terminate(pid)
  if (supervisor) yield* untilGone(supervisor.pid)
  return pid
})

export const stop = Command.make("stop", {}, () =>
  Effect.gen(function*() {
    const pid = yield* stopDaemon(yield* daemonDirectory)
    yield* Console.log(`the daemon, process ${pid}, has stopped; what is queued is on disk`)
  })).pipe(
    Command.withDescription("Stop the daemon cleanly"),
    Command.withExamples([{ command: "holdfast stop", description: "Stop it, with the queue on disk" }]),
    withDaemon
  )
