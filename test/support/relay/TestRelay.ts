/** A real relay process in the hands of a test: started, killed, stopped, restarted on the same port and ledger. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { childEnvironment, memoryDirectory } from "../environment.ts"
import { type LedgerEntry, readLedger } from "./Ledger.ts"
import type { RelayConfig } from "./RelayConfig.ts"
import { type RelayControl, relayControl } from "./RelayControl.ts"
import type { SeenRequest } from "./RelayHttp.ts"

export type TestRelayOptions = Partial<Omit<RelayConfig, "ledgerFile" | "requestsFile">> & {
  /** Where ledger and record of requests live; a fresh one that goes with the scope, without. */
  readonly directory?: string
  /** The relay's program, where a test has one of its own: a bundle, which starts faster. */
  readonly program?: string
  /** Where Node keeps what it compiled of it. */
  readonly compileCache?: string
}

export interface TestRelay {
  /** The MCP endpoint; stays the same over restarts. */
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly pid: Effect.Effect<number>
  /** SIGKILL; done once the process is gone. A relay that is gone already is left alone. */
  readonly kill: Effect.Effect<void>
  /** Done once the process is gone, whoever ended it. */
  readonly exited: Effect.Effect<void>
  /** SIGSTOP: connections stay open and nothing moves. */
  readonly stop: Effect.Effect<void>
  readonly cont: Effect.Effect<void>
  /** Kills it if need be, and starts it on the same port, ledger and options, changed by `overrides` from now on. */
  readonly restart: (overrides?: TestRelayOptions) => Effect.Effect<void>
  readonly control: RelayControl
  /** The accepted writes in order, also while the relay is dead. */
  readonly ledger: Effect.Effect<ReadonlyArray<LedgerEntry>>
  /** Every HTTP request since the start or the last `forgetRequests`, over all its lives. */
  readonly requests: Effect.Effect<ReadonlyArray<SeenRequest>>
  readonly forgetRequests: Effect.Effect<void>
  /** Most requests for `tool` in any 60 s. */
  readonly busiestMinute: (tool: string) => Effect.Effect<number>
}

/** The bundle where a run has made one (`bundledPrograms.ts`), else the source. */
const relayProgram = process.env["BUNDLED_TEST_RELAY"] ?? fileURLToPath(new URL("relayProgram.ts", import.meta.url))

interface Running {
  readonly child: ChildProcess
  readonly port: number
  readonly gone: Promise<void>
}

const launch = (
  { compileCache, program = relayProgram, ...config }: Partial<RelayConfig> & TestRelayOptions
): Effect.Effect<Running> =>
  Effect.callback<Running>((resume) => {
    const child = spawn(process.execPath, [program, JSON.stringify(config)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: childEnvironment(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache })
    })
    const gone = new Promise<void>((done) => child.once("exit", () => done()))
    let complaints = ""
    child.stderr?.on("data", (chunk) => complaints += String(chunk))
    child.once(
      "exit",
      (code, signal) =>
        resume(Effect.die(new Error(`the test relay ended at its start (${code ?? signal}): ${complaints}`)))
    )
    child.once(
      "message",
      (message: { readonly ready: number }) => resume(Effect.succeed({ child, port: message.ready, gone }))
    )
  })

const signal = (running: () => Running, name: NodeJS.Signals) =>
  Effect.sync(() => {
    running().child.kill(name)
  })

const start = (options: TestRelayOptions = {}): Effect.Effect<TestRelay, never, Scope.Scope> =>
  Effect.gen(function*() {
    const directory = options.directory ?? (yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(memoryDirectory(), "holdfast-relay-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    ))
    const requestsFile = join(directory, "requests.jsonl")
    const ledgerFile = join(directory, "ledger.jsonl")
    let config: Partial<RelayConfig> & TestRelayOptions = { ...options, ledgerFile, requestsFile }
    let running: Running = yield* Effect.acquireRelease(launch(config), (): Effect.Effect<void> =>
      Effect.promise(() => {
        running.child.kill("SIGKILL")
        return running.gone
      }))
    config = { ...config, port: running.port }
    let forgotten = 0

    const kill = Effect.promise(() => {
      running.child.kill("SIGKILL")
      return running.gone
    })
    const seen = Effect.sync(() =>
      existsSync(requestsFile)
        ? readFileSync(requestsFile, "utf8").split("\n").slice(0, -1).map((line): SeenRequest => JSON.parse(line))
        : []
    )
    const requests = Effect.map(seen, (all) => all.slice(forgotten))

    return {
      url: `http://127.0.0.1:${running.port}/mcp`,
      port: running.port,
      directory,
      pid: Effect.sync(() => running.child.pid ?? 0),
      kill,
      exited: Effect.promise(() => running.gone),
      stop: signal(() => running, "SIGSTOP"),
      cont: signal(() => running, "SIGCONT"),
      restart: (overrides = {}) =>
        Effect.gen(function*() {
          yield* kill
          config = { ...config, ...overrides }
          running = yield* launch(config)
        }),
      control: relayControl(() => running.child),
      ledger: Effect.sync(() => readLedger(ledgerFile)),
      requests,
      forgetRequests: Effect.map(seen, (all) => {
        forgotten = all.length
      }),
      busiestMinute: (tool) =>
        Effect.map(requests, (all) => {
          const times = all.filter((request) => request.tool === tool).map((request) => request.at)
          return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length))
        })
    }
  })

export const TestRelay = { start }
