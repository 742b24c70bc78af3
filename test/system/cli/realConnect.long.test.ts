/**
 * `holdfast connect` with the newest Claude Code, Codex and Gemini from npm: each, started as its user starts it, says that
 * it is connected; and each of their files comes back byte for byte. No model is asked.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdirSync } from "node:fs"
import { agentPath, realAgent } from "../../support/agents/realAgent.ts"
import { scratch } from "../../support/agents/scratch.ts"
import { childEnvironment } from "../../support/environment.ts"
import { run } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const codexToml = "# mine\nmodel = \"o3\"\n\n[mcp_servers.docs]\nurl = \"https://docs.test/mcp\""
const geminiJson = "{\n\t// mine\n\t\"theme\": \"dark\"\n}\n"
const noModel = "model_providers.none={name=\"none\",base_url=\"http://127.0.0.1:9/v1\",env_key=\"OPENAI_API_KEY\"}"

describe("holdfast connect", () => {
  it.live(
    "connects the newest Claude Code, Codex and Gemini, and puts their files back byte for byte",
    (context) =>
      Effect.gen(function*() {
        const home = yield* scratch
        const names = ["claude", "codex", "gemini"] as const
        const commands = yield* Effect.forEach(names, (name) => realAgent(name, context))
        const environment = {
          ...home.environment,
          PATH: agentPath(...commands),
          HOLDFAST_PORT: "0",
          GEMINI_CLI_TRUST_WORKSPACE: "true",
          OPENAI_API_KEY: "none",
          RUST_LOG: "rmcp=info"
        }
        mkdirSync(home.file("work"))
        const agent = (command: string, ...args: ReadonlyArray<string>) =>
          Effect.callback<string>((resume) => {
            const options = { cwd: home.file("work"), env: childEnvironment(environment), timeout: 180_000 }
            const child = execFile(
              command,
              [...args],
              options,
              (_, stdout, stderr) => resume(Effect.succeed(stdout + stderr))
            )
            child.stdin?.end()
            return Effect.sync(() => child.kill())
          })
        const holdfast = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
          const from = performance.now()
          const ended = yield* run(args, environment, home.path)
          process.stderr.write(`holdfast ${args[0]} ${args[1]}: ${Math.round(performance.now() - from)} ms\n`)
          assert.strictEqual(ended.code, 0, ended.stdout + ended.stderr)
          return ended.stdout
        })
        const relay = yield* TestRelay.start()
        const connect = holdfast("connect", relay.url, "--no-service")
        const undo = holdfast("connect", "--undo")
        yield* Effect.addFinalizer(() => Effect.ignore(run(["connect", "--undo"], environment, home.path)))

        home.write(codexToml, ".codex", "config.toml")
        home.write(geminiJson, ".gemini", "settings.json")
        // Claude Code makes its file itself.
        yield* agent("claude", "mcp", "list")
        const files = [[".claude.json"], [".codex", "config.toml"], [".gemini", "settings.json"]] as const
        const read = () => files.map((file) => home.read(...file))
        const before = read()

        const table = yield* connect
        for (const title of ["Claude Code", "Codex", "Gemini CLI"]) assert.match(table, new RegExp(`^✔ ${title} `, "m"))
        for (const [index, text] of read().entries()) assert.notStrictEqual(text, before[index])
        yield* undo
        assert.deepStrictEqual(read(), before)

        yield* connect
        assert.match(yield* agent("claude", "mcp", "list"), /^holdfast: .* Connected/m)
        assert.match(yield* agent("codex", "mcp", "list"), /^holdfast .* enabled /m)
        const withoutModel = ["--skip-git-repo-check", "-c", "model_provider=none", "-c", noModel]
        const started = yield* agent("codex", "exec", ...withoutModel, "hello")
        assert.match(started, /Service initialized as client/)
        assert.match(yield* agent("gemini", "mcp", "list"), /holdfast: .* Connected/)
        yield* undo
        // Claude Code writes its file whenever it runs, so only what is Holdfast's is taken out of that one.
        const [claude = "", ...others] = read()
        assert.deepStrictEqual(others, before.slice(1))
        assert.notProperty(JSON.parse(claude).mcpServers ?? {}, "holdfast")
      }),
    900_000
  )
})
