/** `holdfast` as a process of its own, its output kept, seeing nothing of the user. */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { childEnvironment } from "./environment.ts"
import { holdfastFile } from "./holdfastFile.ts"

const preload = new URL("dieWithParent.ts", import.meta.url).href

export type Environment = Readonly<Record<string, string>>

export interface Ended {
  /** `null` where a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Program {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout: string
  stderr: string
}

/** In the test's own directory, unless another is named. */
export const launch = (
  args: ReadonlyArray<string>,
  environment: Environment = {},
  directory: string = process.cwd()
): Program => {
  const child = spawn(process.execPath, ["--import", preload, holdfastFile, ...args], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: childEnvironment(environment)
  })
  const ended = new Promise<Ended>((done) => child.once("close", (code, signal) => done({ code, signal })))
  const program: Program = { child, ended, stdout: "", stderr: "" }
  child.stdout?.on("data", (chunk) => program.stdout += String(chunk))
  child.stderr?.on("data", (chunk) => program.stderr += String(chunk))
  return program
}

/** Runs a command to its end; interruption kills it. */
export const run = (
  args: ReadonlyArray<string>,
  environment: Environment = {},
  directory?: string
): Effect.Effect<Ended & { readonly stdout: string; readonly stderr: string }> =>
  Effect.callback((resume) => {
    const program = launch(args, environment, directory)
    void program.ended.then(({ code, signal }) =>
      resume(Effect.succeed({ code, signal, stdout: program.stdout, stderr: program.stderr }))
    )
    return Effect.sync(() => program.child.kill("SIGKILL"))
  })
