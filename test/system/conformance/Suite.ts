/** The official conformance suite as a process, and what it found. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { childEnvironment } from "../../support/environment.ts"

const program = fileURLToPath(
  new URL("../../../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url)
)

interface Check {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly errorMessage?: string
}

/** The checks of each scenario in order, by `scenario/check`; what they are about is part of a client check's name. */
export type Findings = ReadonlyMap<string, ReadonlyArray<Check>>

const findingsIn = (directory: string, nameOf: (check: Check) => string): Findings => {
  const findings = new Map<string, Array<Check>>()
  for (const entry of readdirSync(directory)) {
    const file = join(directory, entry, "checks.json")
    if (!existsSync(file)) continue
    const scenario = entry.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT.*$/, "")
    const checks: ReadonlyArray<Check> = JSON.parse(readFileSync(file, "utf8"))
    for (const check of checks) {
      const name = `${scenario}/${nameOf(check)}`
      findings.set(name, [...findings.get(name) ?? [], check])
    }
  }
  return findings
}

const run = (args: ReadonlyArray<string>, nameOf: (check: Check) => string): Effect.Effect<Findings> =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-conformance-"))),
    (directory) =>
      Effect.callback<void>((resume) => {
        const child = spawn(process.execPath, [program, ...args, "-o", directory], {
          stdio: "ignore",
          env: childEnvironment()
        })
        child.once("exit", () => resume(Effect.void))
        return Effect.sync(() => child.kill("SIGKILL"))
      }).pipe(Effect.map(() => findingsIn(directory, nameOf))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )

/** Runs a set of scenarios against the server at `url`; `set` is what the suite's command line calls it. */
export const conformance = (url: string, set: ReadonlyArray<string>): Effect.Effect<Findings> =>
  run(["server", "--url", url, ...set], ({ id }) => id)

/**
 * Runs a set of scenarios against the client that `command` starts. What is checked of each request anew counts once for
 * each outcome: Holdfast asks some things of a relay by itself, which are checked too.
 */
export const clientConformance = (command: string, set: ReadonlyArray<string>): Effect.Effect<Findings> =>
  Effect.map(
    run(["client", "--command", command, ...set], ({ id, name }) => `${id} ${name}`),
    (findings) => new Map([...findings].map(([name, checks]) => [name, outcomes(checks)]))
  )

const outcomes = (checks: ReadonlyArray<Check>): ReadonlyArray<Check> =>
  checks.filter(({ status }, index) => checks.findIndex((check) => check.status === status) === index)

export interface Comparison {
  readonly equal: number
  readonly passed: number
  /** What was found at the relay, and what through Holdfast. */
  readonly differing: ReadonlyArray<{ readonly check: string; readonly direct: string; readonly through: string }>
}

/** Check for check; records of traffic are not checks. */
export const compare = (direct: Findings, through: Findings): Comparison => {
  const told = (checks: ReadonlyArray<Check> = []) =>
    checks.map(({ errorMessage, status }) => errorMessage === undefined ? status : `${status}: ${errorMessage}`).join(
      "; "
    )
  const statuses = (checks: ReadonlyArray<Check> = []) => checks.map(({ status }) => status).join()
  const names = [...new Set([...direct.keys(), ...through.keys()])].filter((name) =>
    [...direct.get(name) ?? [], ...through.get(name) ?? []].some(({ status }) => status !== "INFO")
  )
  const differing = names.filter((name) => statuses(direct.get(name)) !== statuses(through.get(name)))
  return {
    equal: names.length - differing.length,
    passed: names.filter((name) => through.get(name)?.every(({ status }) => /SUCCESS|INFO/.test(status))).length,
    differing: differing.map((check) => ({
      check,
      direct: told(direct.get(check)),
      through: told(through.get(check))
    }))
  }
}
