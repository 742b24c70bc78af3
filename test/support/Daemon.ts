/** The daemon as a real process in the hands of a test: started, killed, terminated, restarted on the same port. */
import { Effect, Exit, type Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { memoryDirectory } from "./environment.ts"
import { type Ended, type Environment, launch, type Program, run } from "./Program.ts"

export interface DaemonOptions {
  /** Absent where `args` say `--embedded` or a configuration names the relay. */
  readonly relayUrl?: string
  /** A fresh one that goes with the scope, without. */
  readonly dataDir?: string
  /** 0 without: the daemon picks one. */
  readonly port?: number
  /** The relay's token, as `HOLDFAST_RELAY_TOKEN`. */
  readonly token?: string
  readonly env?: Environment
  readonly args?: ReadonlyArray<string>
  /** Under a supervisor, as users start it: then signals and ends below are the supervisor's. Without, it is the daemon itself. */
  readonly supervised?: boolean
}

export interface Daemon {
  /** The agents' endpoint; stays the same over restarts. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  /** The default agent's secret. */
  readonly secret: string
  readonly pid: Effect.Effect<number>
  /** Of the daemon that serves, where that is a supervisor's child. */
  readonly servingPid: Effect.Effect<number>
  /** SIGKILL; done once the process is gone. A daemon that is gone already is left alone. */
  readonly kill: Effect.Effect<void>
  /** SIGTERM; done once the process is gone, with its exit code. */
  readonly terminate: Effect.Effect<Ended>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
  /** Kills it if need be, and starts it on the same port and data directory; done once it is ready. */
  readonly restart: (overrides?: Pick<DaemonOptions, "relayUrl" | "token" | "env" | "args">) => Effect.Effect<void>
  /** Standard output and error of its present or last life. */
  readonly stdout: Effect.Effect<string>
  readonly stderr: Effect.Effect<string>
  /** What the admin API answers, behind its secret; quicker than a command. With a body it is a POST, unless told. */
  readonly admin: (
    path: string,
    body?: object,
    method?: string
  ) => Effect.Effect<{ readonly status: number; readonly body: unknown }>
  /** Another command on the same data directory, run to its end. */
  readonly command: (...args: ReadonlyArray<string>) => ReturnType<typeof run>
}

interface Ready {
  readonly program: Program
  readonly url: string
  readonly port: number
}

const boot = (options: DaemonOptions, dataDir: string): Effect.Effect<Ready> =>
  Effect.promise(async () => {
    const program = launch([
      "serve",
      ...(options.relayUrl === undefined ? [] : ["--relay", options.relayUrl]),
      "--port",
      String(options.port ?? 0),
      "--data-dir",
      dataDir,
      ...(options.supervised === true ? [] : ["--no-supervisor"]),
      ...(options.args ?? [])
    ], { ...(options.token === undefined ? {} : { HOLDFAST_RELAY_TOKEN: options.token }), ...options.env })
    const over = program.ended.then(({ code, signal }): never => {
      throw new Error(`the daemon ended at its start (${code ?? signal})\n${program.stdout}${program.stderr}`)
    })
    over.catch(() => {})
    const deadline = performance.now() + 60_000
    while (performance.now() < deadline) {
      // A killed daemon leaves its file behind, so the process is compared too.
      const endpoint = readEndpoint(dataDir)
      const starter = options.supervised === true ? endpoint?.supervisor?.pid : endpoint?.pid
      if (starter === program.child.pid && endpoint !== undefined) return { program, ...endpoint }
      await Promise.race([sleep(10), over])
    }
    program.child.kill("SIGKILL")
    throw new Error(`the daemon was not ready after 60 s\n${program.stdout}${program.stderr}`)
  })

interface Announced {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly supervisor?: { readonly pid: number }
}

/** A daemon that starts takes away what the one before left. */
const readEndpoint = (dataDir: string): Announced | undefined => {
  try {
    return JSON.parse(readFileSync(join(dataDir, "endpoint.json"), "utf8"))
  } catch (error) {
    if (Object(error).code === "ENOENT") return undefined
    throw error
  }
}

const start = (options: DaemonOptions = {}): Effect.Effect<Daemon, never, Scope.Scope> =>
  Effect.gen(function*() {
    const dataDir = options.dataDir ?? (yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(memoryDirectory(), "holdfast-data-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    ))
    let present: Ready = yield* Effect.acquireRelease(boot(options, dataDir), (_first, exit): Effect.Effect<void> =>
      Effect.gen(function*() {
        const { program } = present
        program.child.kill("SIGKILL")
        yield* Effect.promise(() =>
          program.ended
        )
        if (Exit.isFailure(exit)) yield* Effect.logError(`the daemon's output:\n${program.stdout}${program.stderr}`)
      }))
    let current: DaemonOptions = { ...options, port: present.port }

    const signal = (name: NodeJS.Signals) =>
      Effect.sync(() => {
        present.program.child.kill(name)
      })
    const ended = Effect.promise(() => present.program.ended)
    const kill = Effect.asVoid(Effect.andThen(signal("SIGKILL"), ended))

    return {
      url: present.url,
      port: present.port,
      dataDir,
      secret: readFileSync(join(dataDir, "agent-secret"), "utf8").trim(),
      pid: Effect.sync(() => present.program.child.pid ?? 0),
      servingPid: Effect.sync(() => readEndpoint(dataDir)?.pid ?? 0),
      kill,
      terminate: Effect.andThen(signal("SIGTERM"), ended),
      signal,
      ended,
      restart: (overrides = {}) =>
        Effect.gen(function*() {
          yield* kill
          current = { ...current, ...overrides }
          present = yield* boot(current, dataDir)
        }),
      stdout: Effect.sync(() => present.program.stdout),
      stderr: Effect.sync(() => present.program.stderr),
      admin: (path, body, method = body === undefined ? "GET" : "POST") =>
        Effect.promise(async () => {
          const secret = readFileSync(join(dataDir, "admin-secret"), "utf8").trim()
          const response = await fetch(new URL(path, present.url), {
            method,
            headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
            ...(body === undefined ? {} : { body: JSON.stringify(body) })
          })
          return { status: response.status, body: JSON.parse(await response.text()) }
        }),
      command: (...args) => run([...args, "--data-dir", dataDir], options.env)
    }
  })

/** `run`: any command line to its end, for what refuses to start. */
export const Daemon = { start, run }
