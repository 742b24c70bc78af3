/** `holdfast exec`, with real processes: what the command is given, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { repository } from "../context/repository.ts"
import { TestRelay } from "../relay/TestRelay.ts"
import { Clients } from "../support/Clients.ts"
import { Daemon } from "../support/Daemon.ts"
import { eventually } from "../support/eventually.ts"
import { launch, run } from "../support/Program.ts"
import { scratch, telling, told } from "./scratch.ts"

const relayUrl = "http://127.0.0.1:9/mcp"
const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

const setup = Effect.gen(function*() {
  const home = yield* scratch
  const daemon = yield* Daemon.start({ relayUrl })
  const exec = (...args: ReadonlyArray<string>) =>
    run(["exec", "--data-dir", daemon.dataDir, ...args], home.environment)
  const agents = Effect.map(daemon.command("agents", "list"), ({ stdout }) => stdout)
  return { home, daemon, exec, agents }
})

const status = (url: string, secret: string) =>
  Effect.promise(() => fetch(url, { headers: { authorization: `Bearer ${secret}`, accept: "text/event-stream" } }))
    .pipe(
      Effect.map((response) => response.status)
    )

describe("holdfast exec", () => {
  it.live(
    "gives any command endpoint and secret by its environment, and revokes the secret when it ends",
    () =>
      Effect.gen(function*() {
        const { agents, daemon, exec, home } = yield* setup
        telling(home, "agent")
        const { code, stdout } = yield* exec("--", "agent", "--flag", "two words")
        const { agent, args, endpoint, secret } = told(stdout)
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(args, ["--flag", "two words"])
        assert.strictEqual(endpoint, daemon.url)
        assert.match(secret, /^[A-Za-z0-9_-]{43}$/)
        assert.notStrictEqual(secret, daemon.secret)
        assert.strictEqual(yield* status(daemon.url, secret), 401)
        assert.notInclude(yield* agents, agent)
      }),
    60_000
  )

  it.live("while it runs the secret is the agent's own", () =>
    Effect.gen(function*() {
      const { agents, daemon, home } = yield* setup
      telling(home, "agent", "exec sleep 8")
      const program = launch(["exec", "--data-dir", daemon.dataDir, "--", "agent"], home.environment)
      yield* eventually("the command told", Effect.sync(() => program.stdout), (text) => text.includes("secret "))
      const { agent, secret } = told(program.stdout)
      const client = yield* Clients.sdk(daemon.url, { secret })
      assert.strictEqual(yield* client.wire.initializes, 1)
      assert.match(yield* agents, new RegExp(`^${agent} +present +1`, "m"))

      program.child.kill("SIGKILL")
      yield* Effect.promise(() => program.ended)
      yield* eventually("the agent is gone", agents, (list) => !list.includes(agent))
      assert.strictEqual(yield* status(daemon.url, secret), 401)
    }), 60_000)

  it.live("passes exit code and signals through", () =>
    Effect.gen(function*() {
      const { agents, daemon, exec, home } = yield* setup
      assert.strictEqual((yield* exec("--", "sh", "-c", "exit 7")).code, 7)
      assert.strictEqual((yield* exec("--", "sh", "-c", "kill -KILL $$")).code, 137)
      telling(home, "agent", `trap 'exit 42' TERM; trap 'echo interrupted' INT; while :; do sleep 0.1; done`)
      const program = launch(["exec", "--data-dir", daemon.dataDir, "--", "agent"], home.environment)
      yield* eventually("the command told", Effect.sync(() => program.stdout), (text) => text.includes("secret "))
      for (const _ of [1, 2]) {
        program.child.kill("SIGINT")
        yield* Effect.sleep("300 millis")
      }
      assert.include(program.stdout, "interrupted")
      program.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* Effect.promise(() => program.ended), { code: 42, signal: null })
      assert.strictEqual((yield* agents).split("\n").length, 3)
    }), 60_000)

  it.live("a command that is not there is said so, and leaves no agent behind", () =>
    Effect.gen(function*() {
      const { agents, exec } = yield* setup
      const ended = yield* exec("--", "no-such-command")
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "cannot start no-such-command: there is no such command on the PATH")
      assert.strictEqual((yield* agents).split("\n").length, 3)
    }), 60_000)

  const script = spawnSync("script", ["--version"]).status === 0
  it.live.skipIf(!script)("a terminal stays a terminal", () =>
    Effect.gen(function*() {
      const { daemon, home } = yield* setup
      const line = [
        process.execPath,
        main,
        "exec",
        "--data-dir",
        daemon.dataDir,
        "--",
        "sh",
        "-c",
        "'tty && test -t 0'"
      ]
      const output = execFileSync("script", ["-qec", line.join(" "), "/dev/null"], {
        env: { ...process.env, ...home.environment }
      })
      assert.match(String(output), /^\/dev\//)
    }), 60_000)

  it.live(
    "tells Claude Code by --mcp-config, beside its user's own servers and without the secret",
    () =>
      Effect.gen(function*() {
        const { daemon, exec, home } = yield* setup
        telling(home, "claude")
        const { stdout } = yield* exec("--", "claude", "-p", "hello")
        const [first = "", ...rest] = told(stdout).args
        assert.deepStrictEqual(rest, ["-p", "hello"])
        assert.deepStrictEqual(JSON.parse(first.replace(/^--mcp-config=/, "")), {
          mcpServers: {
            holdfast: {
              type: "http",
              url: daemon.url,
              headers: { Authorization: "Bearer ${HOLDFAST_AGENT_SECRET}" }
            }
          }
        })
      }),
    60_000
  )

  it.live(
    "tells Codex by -c, and records that it obeys list_changed for as long as it runs",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        telling(home, "codex", "exec sleep 30")
        const program = launch(["exec", "--data-dir", daemon.dataDir, "--", "codex", "exec", "hi"], home.environment)
        yield* Effect.addFinalizer(() => Effect.sync(() => program.child.kill("SIGTERM")))
        yield* eventually("the command told", Effect.sync(() => program.stdout), (text) => text.includes("secret "))
        const { args, secret } = told(program.stdout)
        assert.deepStrictEqual(args, [
          "-c",
          `mcp_servers.holdfast.url="${daemon.url}"`,
          "-c",
          "mcp_servers.holdfast.bearer_token_env_var=\"HOLDFAST_AGENT_SECRET\"",
          "--enable",
          "mcp_tool_list_changed",
          "exec",
          "hi"
        ])
        const hides = (names: ReadonlyArray<string>) => !names.includes("relay_workspace_claim")
        const launched = yield* Clients.sdk(daemon.url, { secret, name: "codex-mcp-client" })
        assert.isTrue(hides(yield* launched.toolNames))
        const other = yield* Clients.sdk(daemon.url, { secret: daemon.secret, name: "codex-mcp-client" })
        assert.isFalse(hides(yield* other.toolNames))
      }),
    60_000
  )

  it.live(
    "lends Gemini, Cursor and VS Code an entry in their configuration, and gives the file back byte for byte",
    () =>
      Effect.gen(function*() {
        const { daemon, exec, home } = yield* setup
        const files = {
          gemini: [".gemini", "settings.json"],
          "cursor-agent": [".cursor", "mcp.json"],
          code: [".config", "Code", "User", "mcp.json"]
        }
        const kept = "{\n\t// mine\n\t\"theme\": \"dark\",\r\n}\n"
        for (const [name, segments] of Object.entries(files)) {
          telling(home, name, `cat "${home.file(...segments)}"`)
          for (const before of name === "cursor-agent" ? [undefined] : [kept]) {
            if (before !== undefined) home.write(before, ...segments)
            const { stdout } = yield* exec("--", name)
            assert.include(stdout, daemon.url)
            assert.match(stdout, /Bearer \$\{(env:)?HOLDFAST_AGENT_SECRET\}/)
            if (before !== undefined) assert.include(stdout, "// mine")
            if (before === undefined) assert.throws(() => home.read(...segments))
            else assert.strictEqual(home.read(...segments), before)
            spawnSync("rm", ["-f", home.file(...segments)])
          }
        }
      }),
    60_000
  )

  it.live(
    "starts a daemon where none runs, one for all who come at the same time, and says where no relay is configured",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const dataDir = home.file("data")
        telling(home, "agent")
        const exec = (env: Record<string, string>) =>
          run(["exec", "--data-dir", dataDir, "--", "agent"], { ...home.environment, ...env })
        const refused = yield* exec({})
        assert.strictEqual(refused.code, 2)
        assert.include(refused.stderr, "HOLDFAST_RELAY_URL")
        assert.include(refused.stderr, "serve --embedded")

        yield* Effect.addFinalizer(() =>
          Effect.ignore(Effect.try(() => process.kill(JSON.parse(home.read("data", "endpoint.json")).pid)))
        )
        const env = { HOLDFAST_RELAY_URL: relayUrl, HOLDFAST_PORT: "0" }
        const both = yield* Effect.all([exec(env), exec(env)], { concurrency: 2 })
        const [first, second] = both.map(({ stdout }) => told(stdout))
        assert.deepStrictEqual(both.map(({ code }) => code), [0, 0])
        assert.strictEqual(first?.endpoint, second?.endpoint)
        assert.notStrictEqual(first?.secret, second?.secret)
        assert.strictEqual(told((yield* exec({})).stdout).endpoint, first?.endpoint)
      }),
    60_000
  )

  it.live(
    "in a linked worktree attaches the agent to it, unless that is turned off; in the repository's own it does not",
    () =>
      Effect.gen(function*() {
        const { daemon, home } = yield* setup
        const repo = yield* repository
        const show = [
          "--",
          "sh",
          "-c",
          `${process.execPath} ${main} context show --data-dir ${daemon.dataDir} --agent $HOLDFAST_AGENT`
        ]
        const execIn = (cwd: string, env = {}) =>
          spawnSync(process.execPath, [main, "exec", "--data-dir", daemon.dataDir, ...show], {
            cwd,
            encoding: "utf8",
            env: { ...process.env, ...home.environment, ...env }
          }).stdout
        const path = repo.worktree("feature")
        assert.include(execIn(path), `worktree ${path} on feature: Active`)
        assert.include(execIn(repo.path), "shared checkout")
        assert.include(execIn(path, { HOLDFAST_CONTEXT_GIT_ATTACH: "false" }), "shared checkout")
      }),
    60_000
  )

  it.live("runs as an agent that was added, and says which there are not", () =>
    Effect.gen(function*() {
      const { agents, daemon, exec, home } = yield* setup
      telling(home, "agent")
      const missing = yield* exec("--agent", "ada", "--", "agent")
      assert.strictEqual(missing.code, 1)
      assert.include(missing.stderr, "holdfast agents add ada")
      yield* daemon.command("agents", "add", "ada")
      assert.strictEqual(told((yield* exec("--agent", "ada", "--", "agent")).stdout).agent, "ada")
      assert.include(yield* agents, "ada")
    }), 60_000)
})
