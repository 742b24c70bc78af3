/** The newest command lines of agents that npm has, in a directory of the test's own. */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import type { TestContext } from "vitest"
import { childEnvironment } from "../environment.ts"

const packages = { claude: "@anthropic-ai/claude-code", codex: "@openai/codex", gemini: "@google/gemini-cli" } as const

/** The PATH on which they are, and this very Node first; where npm cannot install them, the test is skipped, and says why. */
export const newestAgents = (directory: string, context: TestContext): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const bin = join(directory, "node_modules", ".bin")
    const path = [dirname(process.execPath), bin, process.env["PATH"]].join(delimiter)
    const specifiers = Object.values(packages).map((name) => `${name}@latest`)
    const args = ["install", "--no-audit", "--no-fund", "--prefix", directory, ...specifiers]
    const options = { timeout: 400_000, env: childEnvironment({ PATH: path }) }
    const child = execFile("npm", args, options, (error) => {
      const missing = Object.keys(packages).filter((name) => !existsSync(join(bin, name)))
      if (error === null && missing.length === 0) return resume(Effect.succeed(path))
      const why = `the newest agents cannot be installed here: ${
        error?.message.split("\n")[0] ?? `no ${missing.join(", ")} came of it`
      }`
      process.stderr.write(`SKIPPED: ${why}\n`)
      resume(Effect.suspend((): Effect.Effect<string> => context.skip(why)))
    })
    return Effect.sync(() => child.kill())
  })
