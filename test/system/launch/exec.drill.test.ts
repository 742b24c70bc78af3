/** `holdfast exec`, with real processes: what the command is given, and how it ends. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawnSync } from "node:child_process"
import { basename } from "node:path"
import { type Scratch, scratch, telling, told } from "../../support/agents/scratch.ts"
import { Clients } from "../../support/Clients.ts"
import { childEnvironment } from "../../support/environment.ts"
import { eventually } from "../../support/eventually.ts"
import { repository } from "../../support/git/repository.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { launch, type Program, run } from "../../support/Program.ts"
import { Rig } from "../../support/Rig.ts"

const nowhere = "http://127.0.0.1:9/mcp"

/** A home of the test's own, beside the daemon that all share; named after it is who runs there. */
const setup = Effect.gen(function*() {
  const { daemon } = yield* Rig
  const home = yield* scratch
  const line = (args: ReadonlyArray<string>) => ["exec", "--data-dir", daemon.dataDir, ...args]
  const exec = (...args: ReadonlyArray<string>) => run(line(args), home.environment, home.path)
  const agents = Effect.map(daemon.admin("/api/agents"), ({ body }) => JSON.stringify(body))
  /** One that goes on. */
  const start = (...args: ReadonlyArray<string>) =>
    Effect.acquireRelease(
      Effect.sync(() => launch(line(args), home.environment, home.path)),
      ({ child, ended }) =>
        Effect.promise(() => {
          child.kill("SIGTERM")
          return ended
        })
    )
  return { home, daemon, exec, start, agents, prefix: basename(home.path) }
})

const toldBy = (program: Program) =>
  Effect.map(
    eventually("the command told", Effect.sync(() => program.stdout), (text) => /^secret .+\n/m.test(text)),
    told
  )

const status = (url: string, secret: string) =>
  Effect.promise(() => fetch(url, { headers: { authorization: `Bearer ${secret}`, accept: "text/event-stream" } }))
    .pipe(
      Effect.map((response) => response.status)
    )

const shared = Rig.layer({ daemon: { env: { HOLDFAST_RELAYS: JSON.stringify({ "docs.v2": { url: nowhere } }) } } })

layer(shared, { excludeTestServices: true, timeout: "60 seconds" })("holdfast exec", (it) => {
  it.effect(
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
      })
  )

  it.effect(
    "while it runs the secret is the agent's own, and is revoked where exec is killed",
    () =>
      Effect.gen(function*() {
        const { agents, daemon, home, start } = yield* setup
        telling(home, "agent", "echo pid $$; exec sleep 30")
        const program = yield* start("--", "agent")
        const { agent, secret } = yield* toldBy(program)
        const orphan = yield* eventually(
          "the command's process id",
          Effect.sync(() => Number(/^pid (\d+)$/m.exec(program.stdout)?.[1])),
          (pid) => pid > 0
        )
        const client = yield* Clients.sdk(daemon.url, { secret })
        assert.strictEqual(yield* client.wire.initializes, 1)
        assert.include(yield* agents, `{"agent":"${agent}","state":"present","sessions":1`)

        program.child.kill("SIGKILL")
        yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(orphan)))
        yield* eventually("the secret is refused", status(daemon.url, secret), (code) => code === 401)
        yield* eventually("the agent is gone", agents, (list) => !list.includes(agent))
      })
  )

  it.effect("passes exit code and signals through", () =>
    Effect.gen(function*() {
      const { agents, exec, home, start } = yield* setup
      assert.strictEqual((yield* exec("--", "sh", "-c", "exit 7")).code, 7)
      assert.strictEqual((yield* exec("--", "sh", "-c", "kill -KILL $$")).code, 137)
      telling(
        home,
        "agent",
        `trap 'exit 42' TERM; trap 'echo interrupted' INT; echo ready; while :; do sleep 0.1; done`
      )
      const program = yield* start("--", "agent")
      const { agent } = yield* toldBy(program)
      yield* eventually("the command is ready", Effect.sync(() => program.stdout), (text) => text.includes("ready"))
      for (const count of [1, 2]) {
        program.child.kill("SIGINT")
        yield* eventually(
          "the command was interrupted",
          Effect.sync(() => program.stdout),
          (text) => text.split("interrupted").length > count
        )
      }
      program.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* Effect.promise(() => program.ended), { code: 42, signal: null })
      assert.notInclude(yield* agents, agent)
    }))

  it.effect("a command that is not there is said so, and leaves no agent behind", () =>
    Effect.gen(function*() {
      const { agents, exec, prefix } = yield* setup
      const ended = yield* exec("--", "no-such-command")
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "cannot start no-such-command: there is no such command on the PATH")
      assert.notInclude(yield* agents, prefix)
    }))

  const script = spawnSync("script", ["--version"]).status === 0
  it.effect.skipIf(!script)("a terminal stays a terminal", () =>
    Effect.gen(function*() {
      const { daemon, home } = yield* setup
      const line = [
        process.execPath,
        holdfastFile,
        "exec",
        "--data-dir",
        daemon.dataDir,
        "--",
        "sh",
        "-c",
        "'tty && test -t 0'"
      ]
      const output = yield* Effect.callback<string>((resume) => {
        const env = childEnvironment(home.environment)
        execFile(
          "script",
          ["-qec", line.join(" "), "/dev/null"],
          { env },
          (_, stdout) => resume(Effect.succeed(stdout))
        )
      })
      assert.match(output, /^\/dev\//)
    }))

  const headers = (variable: string) => ({ Authorization: `Bearer ${variable}` })

  it.effect(
    "tells Claude Code by --mcp-config, beside its user's own servers and without the secret",
    () =>
      Effect.gen(function*() {
        const { daemon, exec, home } = yield* setup
        telling(home, "claude")
        const { stdout } = yield* exec("--", "claude", "-p", "hello")
        const [first = "", ...rest] = told(stdout).args
        assert.deepStrictEqual(rest, ["-p", "hello"])
        const server = { type: "http", headers: headers("${HOLDFAST_AGENT_SECRET}") }
        assert.deepStrictEqual(JSON.parse(first.replace(/^--mcp-config=/, "")), {
          mcpServers: {
            "holdfast": { ...server, url: daemon.url },
            "holdfast-docs-v2": { ...server, url: `${daemon.url}/docs.v2` }
          }
        })
      })
  )

  it.effect(
    "tells Codex by -c, and records that it obeys list_changed for as long as it runs",
    () =>
      Effect.gen(function*() {
        const { daemon, home, start } = yield* setup
        telling(home, "codex", "exec sleep 30")
        const { args, secret } = yield* toldBy(yield* start("--", "codex", "exec", "hi"))
        assert.deepStrictEqual(args, [
          "-c",
          `mcp_servers.holdfast.url="${daemon.url}"`,
          "-c",
          "mcp_servers.holdfast.bearer_token_env_var=\"HOLDFAST_AGENT_SECRET\"",
          "-c",
          `mcp_servers.holdfast-docs-v2.url="${daemon.url}/docs.v2"`,
          "-c",
          "mcp_servers.holdfast-docs-v2.bearer_token_env_var=\"HOLDFAST_AGENT_SECRET\"",
          "-c",
          "features.mcp_tool_list_changed=true",
          "exec",
          "hi"
        ])
        const hides = (names: ReadonlyArray<string>) => !names.includes("relay_workspace_claim")
        const launched = yield* Clients.sdk(daemon.url, { secret, name: "codex-mcp-client" })
        assert.isTrue(hides(yield* launched.toolNames))
        const other = yield* Clients.sdk(daemon.url, { secret: daemon.secret, name: "codex-mcp-client" })
        assert.isFalse(hides(yield* other.toolNames))
      })
  )

  const secret = "${HOLDFAST_AGENT_SECRET}"
  const editors = "${env:HOLDFAST_AGENT_SECRET}"
  it.effect.each([
    {
      command: "gemini",
      file: [".gemini", "settings.json"],
      entry: (url: string) => ({ httpUrl: url, headers: headers(secret) })
    },
    {
      command: "cursor-agent",
      file: [".cursor", "mcp.json"],
      entry: (url: string) => ({ url, headers: headers(editors) })
    },
    {
      command: "code",
      file: [".config", "Code", "User", "mcp.json"],
      entry: (url: string) => ({ type: "http", url, headers: headers(editors) })
    }
  ])(
    "lends $command an entry in its configuration, and gives the file back byte for byte",
    ({ command, entry, file }) =>
      Effect.gen(function*() {
        const { daemon, exec, home } = yield* setup
        telling(home, command, `cat "${home.file(...file)}"`)
        // Nothing there before, and a file that somebody wrote by hand.
        const kept = command === "cursor-agent" ? undefined : "{\n\t// mine\n\t\"theme\": \"dark\",\r\n}\n"
        if (kept !== undefined) home.write(kept, ...file)
        const { stdout } = yield* exec("--", command)
        const lent = stdout.slice(stdout.indexOf("{")).replace(/\/\/ mine/, "").replaceAll(/,(\s*\})/g, "$1")
        const { mcpServers, servers, ...rest } = JSON.parse(lent)
        assert.deepStrictEqual(servers ?? mcpServers, {
          "holdfast": entry(daemon.url),
          "holdfast-docs-v2": entry(`${daemon.url}/docs.v2`)
        })
        assert.deepStrictEqual(rest, kept === undefined ? {} : { theme: "dark" })
        if (kept === undefined) assert.throws(() => home.read(...file))
        else assert.strictEqual(home.read(...file), kept)
      })
  )

  it.effect(
    "lends one entry to several at once; the last gives it back, or the next where that one was killed",
    () =>
      Effect.gen(function*() {
        const { daemon, exec, home, start } = yield* setup
        const file = [".cursor", "mcp.json"]
        const kept = "{ \"mcpServers\": {\n\t} }"
        home.write(kept, ...file)
        telling(home, "cursor-agent", "[ \"$1\" = short ] || { echo pid $$; exec sleep 30; }")
        const ends = ({ child, ended }: Program) => {
          child.kill("SIGTERM")
          return Effect.promise(() => ended)
        }
        const lasting = Effect.tap(start("--", "cursor-agent"), toldBy)
        const [first, second] = [yield* lasting, yield* lasting]
        yield* ends(first)
        assert.include(home.read(...file), daemon.url)
        yield* ends(second)
        assert.strictEqual(home.read(...file), kept)

        const killed = yield* lasting
        const orphan = yield* eventually(
          "the command's process id",
          Effect.sync(() => Number(/^pid (\d+)$/m.exec(killed.stdout)?.[1])),
          (pid) => pid > 0
        )
        killed.child.kill("SIGKILL")
        process.kill(orphan)
        yield* Effect.promise(() => killed.ended)
        assert.include(home.read(...file), daemon.url)
        assert.strictEqual((yield* exec("--", "cursor-agent", "short")).code, 0)
        assert.strictEqual(home.read(...file), kept)
      })
  )

  it.effect(
    "in a linked worktree attaches the agent to it, unless that is turned off; what it runs speaks of itself",
    () =>
      Effect.gen(function*() {
        const { daemon, home } = yield* setup
        const repo = yield* repository
        const show = `${process.execPath} ${holdfastFile} context show --data-dir ${daemon.dataDir}`
        const line = ["exec", "--data-dir", daemon.dataDir, "--", "sh", "-c", show]
        const execIn = (cwd: string, env = {}) =>
          Effect.map(run(line, { ...home.environment, ...env }, cwd), ({ stdout }) => stdout)
        const path = repo.worktree("feature")
        const [attached, shared, off] = yield* Effect.all([
          execIn(path),
          execIn(repo.path),
          execIn(path, { HOLDFAST_CONTEXT_GIT_ATTACH: "false" })
        ], { concurrency: "unbounded" })
        assert.match(attached, new RegExp(`^${basename(path)}-[0-9a-f]{8}: worktree ${path} on feature: Active`))
        assert.match(shared, new RegExp(`^${basename(repo.path)}-[0-9a-f]{8}: shared checkout`))
        assert.include(off, "shared checkout")
      })
  )

  it.effect("runs as an agent that was added, and says which there are not", () =>
    Effect.gen(function*() {
      const { agents, daemon, exec, home } = yield* setup
      telling(home, "agent")
      const missing = yield* exec("--agent", "ada", "--", "agent")
      assert.strictEqual(missing.code, 1)
      assert.include(missing.stderr, "holdfast agents add ada")
      yield* daemon.command("agents", "add", "ada")
      assert.strictEqual(told((yield* exec("--agent", "ada", "--", "agent")).stdout).agent, "ada")
      assert.include(yield* agents, "ada")
    }))
})

describe("holdfast exec", () => {
  it.live(
    "starts a daemon where none runs, one for all who come at the same time, and says where no relay is configured",
    () =>
      Effect.gen(function*() {
        const home: Scratch = yield* scratch
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
        const env = { HOLDFAST_RELAY_URL: nowhere, HOLDFAST_PORT: "0" }
        const both = yield* Effect.all([exec(env), exec(env)], { concurrency: 2 })
        const [first, second] = both.map(({ stdout }) => told(stdout))
        assert.deepStrictEqual(both.map(({ code }) => code), [0, 0], JSON.stringify(both))
        assert.strictEqual(first?.endpoint, second?.endpoint)
        assert.notStrictEqual(first?.secret, second?.secret)
        assert.strictEqual(told((yield* exec({})).stdout).endpoint, first?.endpoint)
      })
  )
})
