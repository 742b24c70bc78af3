/** The daemon on the data directory: the one that runs, else one that is started in the background. */
import { Context, Effect, FileSystem, Layer, Option, Schedule } from "effect"
import { spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { resolve } from "node:path"
import { otherVariables } from "../config/Environment.ts"
import { relayTargets, type SettingsValues } from "../config/Settings.ts"
import type { ProvenDaemon } from "../storage/DaemonProof.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"
import { provenDaemon } from "../storage/ProvenDaemon.ts"
import { self } from "../supervision/ownProgram.ts"
import { CommandFailed, notProven, UsageError } from "./Failures.ts"

/** A machine with much to do takes long; a daemon that ends is not waited for. */
const timeout = "60 seconds"
const logFile = "serve.log"

const noRelay =
  "no daemon runs, and no relay is configured to start one with: set relay.url in the configuration file or "
  + "HOLDFAST_RELAY_URL, or start the embedded relay with \"holdfast serve --embedded\""

/** An agent's own variables are not the daemon's; a path in them is meant from where we are. */
const environment = (): NodeJS.ProcessEnv => {
  const { [otherVariables.agent]: agent, [otherVariables.endpoint]: _, ...rest } = process.env
  const config = rest[otherVariables.config]
  return {
    ...rest,
    ...agent === undefined ? {} : { [otherVariables.agentSecret]: undefined },
    ...config ? { [otherVariables.config]: resolve(config) } : {}
  }
}

/** `None` where none runs. Fails where another user has its port: there a second one would not help. */
export const runningDaemon = (dataDir: string): Effect.Effect<Option.Option<ProvenDaemon>, CommandFailed> =>
  provenDaemon(dataDir).pipe(
    Effect.mapError(notProven(dataDir)),
    Effect.map(Option.some),
    Effect.catchTag("NoDaemon", () => Effect.succeedNone)
  )

/**
 * What it says goes to a file, since it outlives us. It stands in the data directory: agents start us in a checkout, and a
 * token's command, such as git, would do what the files there say.
 */
const start = Effect.fnUntraced(
  function*(dataDir: string, config: Option.Option<string>, program: ReadonlyArray<string>) {
    const directory = Context.get(yield* Layer.build(DataDirectory.layerAt(dataDir)), DataDirectory)
    yield* directory.create(logFile)
    const named = Option.match(config, { onNone: () => [], onSome: (file) => ["--config", resolve(file)] })
    const [node = process.execPath, ...main] = program
    return yield* Effect.callback<{ readonly ended: () => boolean }, CommandFailed>((resume) => {
      const log = openSync(directory.file(logFile), "w")
      const child = spawn(node, [...main, "serve", "--data-dir", resolve(dataDir), ...named], {
        detached: true,
        cwd: directory.path,
        stdio: ["ignore", log, log],
        env: environment()
      })
      closeSync(log)
      child.once(
        "error",
        (error) => resume(Effect.fail(new CommandFailed({ message: `cannot start the daemon: ${error.message}` })))
      )
      child.once(
        "spawn",
        () => resume(Effect.succeed({ ended: () => child.exitCode !== null || child.signalCode !== null }))
      )
      child.unref()
    })
  },
  Effect.scoped
)

export const startedDaemon = Effect.fn("startedDaemon")(
  function*(
    settings: SettingsValues,
    dataDir: string,
    config: Option.Option<string>,
    program: ReadonlyArray<string> = self()
  ) {
    const found = yield* runningDaemon(dataDir)
    if (Option.isSome(found)) return found.value
    if (relayTargets(settings).length === 0 && settings.relay.embedded !== true) {
      return yield* new UsageError({ message: noRelay })
    }

    const fs = yield* FileSystem.FileSystem
    const daemon = yield* start(dataDir, config, program)
    const said = Effect.orElseSucceed(fs.readFileString(`${dataDir}/${logFile}`), () => "")
    // Somebody else may have started one at the same moment: then ours ends, and theirs gets ready.
    const look = Effect.flatMap(
      runningDaemon(dataDir),
      Option.match({
        onSome: (endpoint) => Effect.succeed(Option.some(endpoint)),
        onNone: () => daemon.ended() ? Effect.succeedNone : Effect.fail("not ready" as const)
      })
    )
    const ready = yield* look.pipe(
      Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { duration: timeout })),
      Effect.orElseSucceed(Option.none)
    )
    const running = Option.isSome(ready) ? ready : yield* Effect.delay(runningDaemon(dataDir), "2 seconds")
    if (Option.isSome(running)) return running.value
    const what = daemon.ended() ? "could not be started" : `was started, but is not ready after ${timeout}`
    return yield* new CommandFailed({ message: `the daemon ${what}:\n${(yield* said).trim()}` })
  }
)
