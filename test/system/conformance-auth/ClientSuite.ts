/** The official suite as a process, with `drive` as its client; scenarios of one run are driven a few at a time. */
import { Cause, Effect, Exit, Option, References, Schema, Semaphore } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { childEnvironment } from "../../support/environment.ts"
import { httpServer } from "../../support/token/httpServer.ts"
import { drive, notOurs, Task } from "./Driver.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const program = file("../../../node_modules/@modelcontextprotocol/conformance/dist/index.js")
const forward = file("forward.ts")

const Checks = Schema.fromJsonString(Schema.Array(Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  description: Schema.optional(Schema.String),
  errorMessage: Schema.optional(Schema.String)
})))

export interface Verdict {
  /** Checks that succeeded. */
  readonly passed: number
  /** Checks that failed or warned, in the suite's own words; and how the client ended, where it failed. */
  readonly faults: ReadonlyArray<string>
}

const timeout = "25 seconds"
const atOnce = 4

const verdictsIn = (directory: string): ReadonlyMap<string, Verdict> => {
  const verdicts = new Map<string, Verdict>()
  const root = join(directory, "auth")
  for (const entry of existsSync(root) ? readdirSync(root) : []) {
    const checks = Schema.decodeSync(Checks)(readFileSync(join(root, entry, "checks.json"), "utf8"))
    const bad = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING")
    verdicts.set(`auth/${entry.replace(/-\d{4}-\d\d-\d\dT.*$/, "")}`, {
      passed: checks.filter(({ status }) => status === "SUCCESS").length,
      faults: bad.map(({ description, errorMessage, id, status }) => `${status} ${id}: ${errorMessage ?? description}`)
    })
  }
  return verdicts
}

/** `set` is what the suite's command line calls it. `died`: why the client gave up, by scenario. */
export const clientSuite = Effect.fnUntraced(function*(set: ReadonlyArray<string>) {
  const died = new Map<string, string>()
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-conformance-auth-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const turns = yield* Semaphore.make(atOnce)
  const driver = yield* httpServer(async ({ body }) => {
    const task = Schema.decodeSync(Schema.fromJsonString(Task))(body)
    if (!task.scenario.startsWith("auth/") || Object.hasOwn(notOurs, task.scenario)) return { status: 500 }
    const exit = await Effect.runPromiseExit(
      drive(task).pipe(
        Effect.timeout(timeout),
        turns.withPermit,
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    )
    if (Exit.isSuccess(exit)) return {}
    const why = Option.match(Cause.findErrorOption(exit.cause), {
      onNone: () => Cause.pretty(exit.cause),
      onSome: String
    })
    died.set(task.scenario, why)
    return { status: 500, body: why }
  })
  const port = new URL(driver.origin).port
  yield* Effect.callback<void>((resume) => {
    const command = `${process.execPath} ${forward} ${port}`
    const args = [program, "client", "--command", command, ...set, "-o", directory, "--timeout", "60000"]
    const child = spawn(process.execPath, args, { stdio: "ignore", env: childEnvironment() })
    child.once("exit", () => resume(Effect.void))
    return Effect.sync(() => child.kill("SIGKILL"))
  })
  return { died, verdicts: verdictsIn(directory) }
}, Effect.scoped)
