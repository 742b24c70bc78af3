/** Relay and daemon of the demonstration: processes of their own, on a data directory that goes with the scope. */
import { Effect, FileSystem, Path, Schedule, type Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { CommandFailed } from "../Failures.ts"

/** The variables that a process needs anyhow; none of Holdfast's, so that no setting of the user's gets in. */
const environment = (extra: Record<string, string>) => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"))),
  ...extra
})

export interface Running {
  readonly pid: number
  readonly kill: Effect.Effect<void>
  /** What it wrote to standard error. */
  readonly errors: () => string
}

/** `holdfast ARGS`, this same program; ended with the scope. */
export const start = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  extra: Record<string, string> = {}
): Effect.fn.Return<Running, CommandFailed, Scope.Scope | ChildProcessSpawner.ChildProcessSpawner> {
  const handle = yield* ChildProcess.make(process.execPath, [process.argv[1] ?? "", ...args], {
    env: environment(extra),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    detached: false,
    forceKillAfter: "5 seconds"
  }).pipe(Effect.mapError((error) => new CommandFailed({ message: `cannot start a process: ${error.message}` })))
  let written = ""
  yield* handle.stderr.pipe(
    Stream.decodeText(),
    Stream.runForEach((text) =>
      Effect.sync(() => {
        written += text
      })
    ),
    Effect.ignore,
    Effect.forkScoped
  )
  return {
    pid: handle.pid,
    kill: Effect.ignore(handle.kill({ killSignal: "SIGKILL" })),
    errors: () => written
  }
})

/** Waits until `ready` succeeds: 15 s at most. */
export const untilReady = <A, E, R>(what: string, program: Running, ready: Effect.Effect<A, E, R>) =>
  ready.pipe(
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeoutOrElse({
      duration: "15 seconds",
      orElse: () => Effect.fail(new CommandFailed({ message: `${what} did not get ready\n${program.errors()}` }))
    }),
    Effect.mapError((error) => error instanceof CommandFailed ? error : new CommandFailed({ message: String(error) }))
  )

/** A data directory that goes with the scope, and an empty configuration in it. */
export const workplace = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-demo-" })
  const configuration = path.join(directory, "holdfast.json")
  yield* fs.writeFileString(configuration, "{}\n")
  return {
    relayData: path.join(directory, "relay-data"),
    daemonData: path.join(directory, "daemon-data"),
    configuration
  }
})
