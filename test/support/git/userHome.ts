/** A user of git with a home of its own. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { childEnvironment } from "../environment.ts"

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export const userHome = Effect.gen(function*() {
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-home-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const env = childEnvironment({
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_STATE_HOME: join(home, ".local", "state"),
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@a.test",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@a.test"
  })
  const work = join(home, "work")
  mkdirSync(work)

  const run = (
    command: string,
    args: ReadonlyArray<string>,
    options: { readonly cwd?: string; readonly env?: Record<string, string>; readonly input?: string } = {}
  ) =>
    Effect.callback<Ran>((resume) => {
      const child = spawn(command, args, { cwd: options.cwd ?? work, env: { ...env, ...options.env } })
      let out = ""
      let err = ""
      child.stdout.on("data", (chunk) => out += String(chunk))
      child.stderr.on("data", (chunk) => err += String(chunk))
      child.stdin.on("error", () => {})
      child.stdin.end(options.input ?? "")
      child.once("close", (code) => resume(Effect.succeed({ code, out, err })))
      return Effect.sync(() => child.kill("SIGKILL"))
    })

  return { home, work, run, git: (...args: ReadonlyArray<string>) => run("git", args) }
})
