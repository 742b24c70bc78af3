/** Relay and daemon of the demonstration: processes of their own, on a data directory that goes with the scope. */
import { Effect, FileSystem, Path, Schedule, type Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { self } from "../../supervision/ownProgram.ts"
import { CommandFailed } from "../Failures.ts"

/** What a process cannot do without. Nothing else of the user's environment gets in, least of all HOLDFAST_…. */
const needed = ["PATH", "SystemRoot", "TEMP", "TMP", "TMPDIR", "NODE_COMPILE_CACHE"]

const environment = (home: string, extra: Record<string, string>) => ({
  ...Object.fromEntries(needed.flatMap((name) => process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  HOME: home,
  USERPROFILE: home,
  GIT_CONFIG_NOSYSTEM: "1",
  ...extra
})

export interface Running {
  readonly pid: number
  readonly kill: Effect.Effect<void>
  /** What it wrote to standard error. */
  readonly errors: () => string
}

/** `holdfast ARGS`, this same program, with `home` as its user's home; ended with the scope. */
export const start = Effect.fnUntraced(function*(
  home: string,
  args: ReadonlyArray<string>,
  extra: Record<string, string> = {}
): Effect.fn.Return<Running, CommandFailed, Scope.Scope | ChildProcessSpawner.ChildProcessSpawner> {
  const [program, ...words] = self()
  const handle = yield* ChildProcess.make(program, [...words, ...args], {
    cwd: home,
    env: environment(home, extra),
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

/** Waits until `ready` succeeds: 60 s at most, which only a busy machine needs. */
export const untilReady = <A, E, R>(what: string, program: Running, ready: Effect.Effect<A, E, R>) =>
  ready.pipe(
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.fail(new CommandFailed({ message: `${what} did not get ready\n${program.errors()}` }))
    }),
    Effect.mapError((error) => error instanceof CommandFailed ? error : new CommandFailed({ message: String(error) }))
  )

/** A home that goes with the scope, and an empty configuration in it. */
export const workplace = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-demo-" })
  const configuration = path.join(home, "holdfast.json")
  yield* fs.writeFileString(configuration, "{}\n")
  return { home, configuration }
})
