import { Console, Effect, Layer, Option, Schedule } from "effect"
import { Command } from "effect/cli"
import { provenSupervisor } from "../storage/DaemonProof.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"
import { provenNow } from "../storage/ProvenDaemon.ts"
import { dataDirectory, settings } from "./configuration.ts"
import { command } from "./connect/command.ts"
import * as Service from "./connect/Service.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { CommandFailed } from "./Failures.ts"
import { servingProcess } from "./servingProcess.ts"

/** Longer than what is in flight may take, and a start. */
const timeout = "40 seconds"

const another = (dataDir: string, before: number) =>
  provenNow(dataDir).pipe(
    Effect.filterOrFail(({ pid }) => pid !== before, () => "not yet" as const),
    Effect.retry({
      schedule: Schedule.upTo(Schedule.spaced("50 millis"), { duration: timeout })
    }),
    Effect.mapError(() =>
      new CommandFailed({
        message: provenSupervisor(dataDir) === undefined
          ? "the daemon has stopped, and no other one got ready: see \"holdfast logs\", or the terminal where \"holdfast serve\" ran"
          : `no daemon got ready in ${timeout}: see "holdfast logs"`
      })
    )
  )

/** Who keeps the port has the daemon started again: systemd, else the daemon's own supervisor. */
export const restart = Command.make("restart", {}, () =>
  Effect.gen(function*() {
    const dataDir = yield* dataDirectory
    // A configuration or a disk that no daemon would start with is refused while the old one still serves.
    yield* settings
    const daemon = yield* DaemonClient
    const { pid, portHeldBy } = yield* servingProcess
    yield* Effect.scoped(Layer.build(DataDirectory.layerAt(dataDir)))
    const service = Option.filter(yield* Service.find(dataDir), () => portHeldBy === "systemd")
    if (Option.isSome(service)) yield* command("systemctl", ["--user", "restart", service.value.name], 60_000)
    else yield* daemon.ask((client) => client.restart())
    const { pid: next, url } = yield* another(dataDir, pid)
    yield* Console.log(`the daemon was started again at ${url}: process ${next} in the place of ${pid}`)
  })).pipe(
    Command.withDescription("Stop the daemon cleanly and start it again, with its port bound meanwhile"),
    Command.withExamples([{
      command: "holdfast restart",
      description: "After an upgrade, or a setting that counts from a start on"
    }]),
    withDaemon
  )
