/** The real command lines of agents, from npm: installed once, into a cache that outlives the test. */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TestContext } from "vitest"
import { childEnvironment } from "../environment.ts"

const cache = fileURLToPath(new URL("../../../node_modules/.cache/holdfast-agents", import.meta.url))

export const specifiers = {
  claude: "@anthropic-ai/claude-code@2.1.197",
  codex: "@openai/codex@0.169.0",
  gemini: "@google/gemini-cli@0.61.0"
} as const

/** The command; where npm cannot install it here, the test is skipped, and says why. */
export const realAgent = (name: keyof typeof specifiers, context: TestContext): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const specifier = specifiers[name]
    const directory = join(cache, specifier.replaceAll(/[^\w.-]+/g, "_"))
    const command = join(directory, "node_modules", ".bin", name)
    if (existsSync(command)) return resume(Effect.succeed(command))
    mkdirSync(directory, { recursive: true })
    const args = ["install", "--no-audit", "--no-fund", "--prefix", directory, specifier]
    execFile("npm", args, { timeout: 240_000, env: childEnvironment() }, (error) => {
      if (error === null && existsSync(command)) return resume(Effect.succeed(command))
      const why = `${specifier} cannot be installed here: ${error?.message.split("\n")[0] ?? "no command came of it"}`
      process.stderr.write(`SKIPPED: ${why}\n`)
      resume(Effect.suspend((): Effect.Effect<string> => context.skip(why)))
    })
  })
