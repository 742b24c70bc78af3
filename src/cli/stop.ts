import { Console, Effect, Option, Schedule } from "effect"
import { Command } from "effect/cli"
import { isAlive } from "../supervision/isAlive.ts"
import { dataDirectory } from "./configuration.ts"
import { command } from "./connect/command.ts"
import * as Service from "./connect/Service.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { CommandFailed } from "./Failures.ts"

/** Longer than what is in flight may take. */
const timeout = "20 seconds"

/**
 * A clean end of the daemon on the data directory. The process id is the one that the daemon itself gives behind the admin
 * secret: a file may name a process that is somebody else's by now.
 */
export const stopDaemon = Effect.fn("stopDaemon")(function*(dataDir: string) {
  const daemon = yield* DaemonClient
  const { daemon: { pid } } = yield* daemon.ask((client) => client.status())
  const service = yield* Service.find(dataDir)
  if (Option.exists(service, ({ kind }) => kind === "systemd")) {
    yield* command("systemctl", ["--user", "stop", Option.getOrThrow(service).name], 30_000)
  }
  if (isAlive(pid)) yield* Effect.ignore(Effect.try(() => process.kill(pid, "SIGTERM")))
  const gone = Effect.suspend(() => isAlive(pid) ? Effect.fail("not yet" as const) : Effect.void)
  yield* gone.pipe(
    Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { duration: timeout })),
    Effect.mapError(() => new CommandFailed({ message: `process ${pid} has not ended after ${timeout}` }))
  )
  return pid
})

export const stop = Command.make("stop", {}, () =>
  Effect.gen(function*() {
    const pid = yield* stopDaemon(yield* dataDirectory)
    yield* Console.log(`the daemon, process ${pid}, has stopped; what is queued is on disk`)
  })).pipe(
    Command.withDescription("Stop the daemon cleanly"),
    Command.withExamples([{ command: "holdfast stop", description: "Stop it, with the queue on disk" }]),
    withDaemon
  )
