/**
 * The real command lines of Claude Code, Codex and Gemini, from npm, started by `holdfast exec`: they connect, with and
 * without a relay behind the endpoint. No model is asked; each says by itself that its MCP server is there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { realAgent } from "../../support/agents/realAgent.ts"
import { type Scratch, scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { launch } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

interface Agent {
  readonly agent: "claude" | "codex" | "gemini"
  readonly args: (home: Scratch) => ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
  /** Where it says that it is connected, and how. */
  readonly log?: (home: Scratch) => string
  readonly connected: RegExp
}

const unreachableModel =
  "model_providers.none={name=\"none\",base_url=\"http://127.0.0.1:9/v1\",env_key=\"OPENAI_API_KEY\"}"

const agents: ReadonlyArray<Agent> = [
  {
    agent: "claude",
    args: (home) => ["--debug-file", home.file("claude.log"), "-p", "hello"],
    environment: {},
    log: (home) => home.file("claude.log"),
    connected: /MCP server "holdfast": Successfully connected/
  },
  {
    agent: "codex",
    args: () => ["exec", "--skip-git-repo-check", "-c", "model_provider=none", "-c", unreachableModel, "hello"],
    environment: { OPENAI_API_KEY: "none", RUST_LOG: "rmcp=info" },
    connected: /Service initialized as client/
  },
  {
    agent: "gemini",
    args: () => ["mcp", "list"],
    environment: { GEMINI_CLI_TRUST_WORKSPACE: "true" },
    connected: /holdfast: .* Connected/
  }
]

describe("holdfast exec", () => {
  it.live.each(agents)(
    "connects the real $agent, also while the relay is dead",
    (each, context) =>
      Effect.gen(function*() {
        const home = yield* scratch
        const command = yield* realAgent(each.agent, context)
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })

        const start = Effect.acquireRelease(
          Effect.sync(() =>
            launch(["exec", "--data-dir", daemon.dataDir, "--", command, ...each.args(home)], {
              ...home.environment,
              ...each.environment
            })
          ),
          (program) =>
            Effect.promise(() => {
              program.child.kill("SIGTERM")
              return program.ended
            })
        )
        const connects = Effect.gen(function*() {
          const log = each.log?.(home)
          if (log !== undefined) rmSync(log, { force: true })
          const program = yield* start
          const said = Effect.sync(() =>
            program.stdout + program.stderr + (log !== undefined && existsSync(log) ? readFileSync(log, "utf8") : "")
          )
          yield* eventually(
            `${each.agent} says that it is connected`,
            said,
            (text) => each.connected.test(text),
            "60 seconds"
          )
        })
        const sessions = Effect.map(daemon.command("agents", "list"), ({ stdout }) => stdout)

        yield* Effect.scoped(Effect.gen(function*() {
          yield* connects
          if (each.agent !== "codex") {
            return
          }
          // Codex goes on asking for its model meanwhile, so it can be seen to stay.
          yield* relay.kill
          yield* Effect.sleep("3 seconds")
          assert.match(yield* sessions, /present +1 +0$/m)
        }))
        yield* relay.kill
        yield* Effect.scoped(connects)
      }),
    400_000
  )
})
