/** The newest command lines of agents that npm has: each version is installed once, into a cache that outlives the test. */
import { Data, Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TestContext } from "vitest"
import { childEnvironment } from "../environment.ts"

const cache = fileURLToPath(new URL("../../../node_modules/.cache/holdfast-agents", import.meta.url))

export const packages = {
  claude: "@anthropic-ai/claude-code",
  codex: "@openai/codex",
  gemini: "@google/gemini-cli"
} as const
export type RealAgent = keyof typeof packages

class NpmFailed extends Data.TaggedError("NpmFailed")<{ readonly why: string }> {}

/** Agents need a recent Node: this very one comes first. */
export const agentPath = (...commands: ReadonlyArray<string>): string =>
  [dirname(process.execPath), ...commands.map((command) => dirname(command)), process.env["PATH"]].join(delimiter)

const npm = (...args: ReadonlyArray<string>): Effect.Effect<string, NpmFailed> =>
  Effect.callback((resume) => {
    const options = { timeout: 400_000, env: childEnvironment({ PATH: agentPath() }) }
    const child = execFile("npm", [...args], options, (error, stdout) =>
      resume(
        error === null
          ? Effect.succeed(stdout.trim())
          : Effect.fail(new NpmFailed({ why: error.message.split("\n")[0] ?? "" }))
      ))
    return Effect.sync(() => child.kill())
  })

const commandIn = (directory: string, name: RealAgent) => join(directory, "node_modules", ".bin", name)

const installed = Effect.fnUntraced(function*(name: RealAgent) {
  const specifier = `${packages[name]}@${yield* npm("view", packages[name], "version")}`
  const directory = join(cache, specifier.replaceAll(/[^\w.-]+/g, "_"))
  if (!existsSync(commandIn(directory, name))) {
    mkdirSync(cache, { recursive: true })
    // Another test may install the same meanwhile; the first one stays.
    const fresh = mkdtempSync(join(cache, "new-"))
    yield* npm("install", "--no-audit", "--no-fund", "--prefix", fresh, specifier)
    if (!existsSync(commandIn(fresh, name))) {
      return yield* new NpmFailed({ why: "no command came of it" })
    }
    if (existsSync(directory)) rmSync(fresh, { recursive: true })
    else renameSync(fresh, directory)
  }
  process.stderr.write(`the newest ${name}: ${specifier}\n`)
  return commandIn(directory, name)
})

const found = new Map<RealAgent, string>()

/** The command; where npm cannot install it here, the test is skipped, and says why. */
export const realAgent = (name: RealAgent, context: TestContext): Effect.Effect<string> =>
  Effect.suspend(() => {
    const command = found.get(name)
    return command === undefined
      ? Effect.tap(installed(name), (fresh) => Effect.sync(() => found.set(name, fresh)))
      : Effect.succeed(command)
  }).pipe(Effect.catchTag("NpmFailed", ({ why }) => {
    const reason = `the newest ${packages[name]} cannot be installed here: ${why}`
    process.stderr.write(`SKIPPED: ${reason}\n`)
    return Effect.suspend((): Effect.Effect<string> => context.skip(reason))
  }))
