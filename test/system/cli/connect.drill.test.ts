/** `holdfast connect` from nothing to agents that are registered, and back; `stop`, `reload`, `health`, `logs`, SIGHUP. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from "node:fs"
import { type Scratch, scratch, telling } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { childEnvironment } from "../../support/environment.ts"
import { eventually } from "../../support/eventually.ts"
import { listening } from "../../support/listening.ts"
import { run } from "../../support/Program.ts"
import { initialize } from "../../support/RawAgent.ts"
import { rawStdio } from "../../support/rawStdio.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { httpServer } from "../../support/token/httpServer.ts"

const codexToml = "# mine\nmodel = \"o3\"\n\n[mcp_servers.docs]\nurl = \"https://docs.test/mcp\""
const geminiJson = "{\n\t// mine\n\t\"theme\": \"dark\"\n}\n"

const setup = Effect.gen(function*() {
  const home = yield* scratch
  for (const name of ["claude", "codex", "gemini"]) telling(home, name)
  home.write(codexToml, ".codex", "config.toml")
  home.write(geminiJson, ".gemini", "settings.json")
  chmodSync(home.file(".gemini", "settings.json"), 0o640)
  const holdfast = (...args: ReadonlyArray<string>) => run(args, { ...home.environment, HOLDFAST_PORT: "0" }, home.path)
  const data = (name: string) => home.file(".state", "holdfast", name)
  // Where the test has undone it, there is nothing left to be ended.
  yield* Effect.addFinalizer(() =>
    existsSync(data("endpoint.json")) ? Effect.ignore(holdfast("connect", "--undo")) : Effect.void
  )
  return { home, holdfast, data }
})

const registered = (home: Scratch) =>
  [[".claude.json"], [".codex", "config.toml"], [".gemini", "settings.json"], [".config", "holdfast", "holdfast.json"]]
    .map((file) => home.read(...file))

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe("holdfast connect", () => {
  it.live(
    "starts the daemon, registers the agents without a secret, proves each link; again changes nothing; undo takes all back",
    () =>
      Effect.gen(function*() {
        const { data, holdfast, home } = yield* setup
        const relay = yield* TestRelay.start()
        const first = yield* holdfast("connect", relay.url, "--no-service", "--queue", "relay_send_message,notes_*")
        assert.strictEqual(first.code, 0, first.stdout + first.stderr)
        for (const name of ["daemon", "endpoint", "relay default", "Claude Code", "Codex", "Gemini CLI"]) {
          assert.match(first.stdout, new RegExp(`^✔ ${name} `, "m"))
        }
        const secret = readFileSync(data("agent-secret"), "utf8").trim()
        const texts = registered(home)
        for (const text of [...texts, first.stdout, first.stderr]) assert.notInclude(text, secret)
        assert.include(JSON.parse(texts[3] ?? "").outbox.bufferable, "notes_*")
        const { pid } = JSON.parse(readFileSync(data("endpoint.json"), "utf8"))
        const { url, headersHelper } = JSON.parse(texts[0] ?? "").mcpServers.holdfast
        const headers = JSON.parse(execFileSync("sh", ["-c", headersHelper], { encoding: "utf8" }))
        const answer = yield* Effect.promise(() => fetch(url, { method: "POST", headers, body: "{}" }))
        assert.notStrictEqual(answer.status, 401)

        const second = yield* holdfast("connect", relay.url, "--no-service")
        assert.strictEqual(second.code, 0, second.stdout + second.stderr)
        assert.deepStrictEqual(registered(home), texts)
        assert.strictEqual(JSON.parse(readFileSync(data("endpoint.json"), "utf8")).pid, pid)

        const back = yield* holdfast("connect", "--undo")
        assert.strictEqual(back.code, 0, back.stdout + back.stderr)
        assert.strictEqual(home.read(".codex", "config.toml"), codexToml)
        assert.strictEqual(home.read(".gemini", "settings.json"), geminiJson)
        assert.strictEqual(statSync(home.file(".gemini", "settings.json")).mode & 0o777, 0o640)
        assert.isFalse(existsSync(home.file(".claude.json")))
        assert.isFalse(existsSync(home.file(".config", "holdfast", "holdfast.json")))
        assert.isFalse(isAlive(pid))
        assert.include((yield* holdfast("connect", "--undo")).stdout, "nothing is connected")
      }),
    240_000
  )

  it.live(
    "takes the daemon that serves that relay already, also where somebody else started it",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        telling(home, "codex")
        const beside = (daemon: Daemon) => (...args: ReadonlyArray<string>) =>
          run(["connect", ...args, "--no-service", "--data-dir", daemon.dataDir], home.environment, home.path)
        const embedded = yield* Daemon.start({ args: ["--embedded"] })
        const same = yield* beside(embedded)("--embedded")
        assert.strictEqual(same.code, 0, same.stdout + same.stderr)
        assert.notInclude(same.stderr, "started by somebody else")
        yield* beside(embedded)("--undo")

        const relay = yield* TestRelay.start()
        const another = yield* beside(embedded)(relay.url)
        assert.include(another.stderr, "started by somebody else and has the old configuration")
        yield* beside(embedded)("--undo")
      }),
    240_000
  )

  it.live(
    "writes no URL that is not one, takes a port, and takes back what was made of a file that is not valid any more",
    () =>
      Effect.gen(function*() {
        const { holdfast, home } = yield* setup
        const own = home.file(".config", "holdfast", "holdfast.json")
        const refused = yield* holdfast("connect", "mcp.example.com/mcp", "--no-service")
        assert.strictEqual(refused.code, 2)
        assert.match(refused.stderr, /"mcp\.example\.com\/mcp" is not valid; expected an absolute http or https URL/)
        assert.isFalse(existsSync(own))

        const relay = yield* TestRelay.start()
        assert.strictEqual((yield* holdfast("connect", relay.url, "--no-service")).code, 0)
        home.write(
          home.read(".config", "holdfast", "holdfast.json").replace(relay.url, "nowhere"),
          own.slice(home.path.length)
        )
        assert.strictEqual((yield* holdfast("status")).code, 1)
        const undone = yield* holdfast("connect", "--undo")
        assert.strictEqual(undone.code, 0, undone.stdout + undone.stderr)
        assert.strictEqual(home.read(".codex", "config.toml"), codexToml)
        assert.notInclude(readFileSync(own, "utf8"), "relay")
      }),
    240_000
  )

  it.live(
    "undone while an agent is open, is not started again by that agent's command",
    () =>
      Effect.gen(function*() {
        const { data, holdfast, home } = yield* setup
        const relay = yield* TestRelay.start()
        assert.strictEqual((yield* holdfast("connect", relay.url, "--no-service")).code, 0)
        const [, command = "", args = ""] = /\[mcp_servers\.holdfast\]\ncommand = (.*)\nargs = (.*)\n/
          .exec(home.read(".codex", "config.toml")) ?? []
        const agent = yield* rawStdio({
          command: JSON.parse(command),
          args: JSON.parse(args),
          env: childEnvironment(home.environment)
        })
        yield* agent.say(initialize())
        yield* eventually("the agent is answered", agent.answers, (answers) => answers.size === 1)
        assert.strictEqual((yield* holdfast("connect", "--undo")).code, 0)
        yield* agent.say({ jsonrpc: "2.0", id: 2, method: "tools/list" })
        const answers = yield* eventually("an answer all the same", agent.answers, (answers) => answers.has(2))
        assert.match(JSON.stringify(answers.get(2)), /Holdfast cannot be reached/)
        assert.isFalse(existsSync(data("endpoint.json")))
      }),
    240_000
  )

  it.live.each([{ units: "user unit", held: false }, {
    units: "user unit and a socket unit, where the port is known",
    held: true
  }])(
    "makes a systemd $units where that runs, and removes it",
    ({ held }) =>
      Effect.gen(function*() {
        const { data, holdfast: plain, home } = yield* setup
        // Nobody has it from now on.
        const port = held ? yield* Effect.scoped(listening(() => {})) : 0
        const holdfast = (...args: ReadonlyArray<string>) =>
          held ? run(args, { ...home.environment, HOLDFAST_PORT: String(port) }, home.path) : plain(...args)
        const folder = [".config", "systemd", "user"]
        const unit = home.file(...folder, "holdfast.service")
        const socket = home.file(...folder, "holdfast.socket")
        home.write(
          `#!/bin/sh
echo "$@" >> "${home.file("systemctl.log")}"
[ "$2 $3" = "restart holdfast.service" ] || exit 0
(
  exec > "${home.file("service.log")}" 2>&1
  eval "exec $(sed -n 's/^ExecStart=//p' "${unit}")"
) &
`,
          "bin",
          "systemctl"
        )
        chmodSync(home.file("bin", "systemctl"), 0o755)
        const relay = yield* TestRelay.start()
        const made = yield* holdfast("connect", relay.url)
        assert.strictEqual(made.code, 0, made.stdout + made.stderr)
        assert.match(readFileSync(unit, "utf8"), /^ExecStart=".*" ".*" "serve" "--data-dir" /m)
        assert.strictEqual(existsSync(socket), held)
        if (held) {
          assert.match(readFileSync(socket, "utf8"), new RegExp(`^ListenStream=127\\.0\\.0\\.1:${port}$`, "m"))
          assert.match(readFileSync(unit, "utf8"), /^Requires=holdfast\.socket\nAfter=holdfast\.socket$/m)
        }
        if (existsSync("/usr/bin/systemd-analyze")) {
          const files = held ? [socket, unit] : [unit]
          const { stderr } = spawnSync("systemd-analyze", ["--user", "verify", ...files], { encoding: "utf8" })
          assert.notMatch(stderr, /holdfast/)
        }
        const calls = home.read("systemctl.log").split("\n")
        assert.includeMembers(
          calls,
          held
            ? ["--user enable holdfast.socket holdfast.service", "--user restart holdfast.socket"]
            : ["--user enable holdfast.service"]
        )
        assert.strictEqual(calls.at(-2), "--user restart holdfast.service")
        const { pid } = JSON.parse(readFileSync(data("endpoint.json"), "utf8"))
        const undone = yield* holdfast("connect", "--undo")
        assert.strictEqual(undone.code, 0, undone.stdout + undone.stderr)
        assert.isFalse(existsSync(unit))
        assert.isFalse(existsSync(socket))
        assert.isFalse(isAlive(pid))
        const units = held ? "holdfast.socket holdfast.service" : "holdfast.service"
        assert.include(home.read("systemctl.log"), `--user stop ${units}\n`)
        assert.include(home.read("systemctl.log"), `--user disable --now ${units}\n`)
      }),
    240_000
  )

  it.live(
    "refuses a client's file that is a link, says so in the table, and keeps another relay apart",
    () =>
      Effect.gen(function*() {
        const { holdfast, home } = yield* setup
        home.write("{}", "dotfiles", "claude.json")
        symlinkSync(home.file("dotfiles", "claude.json"), home.file(".claude.json"))
        const relay = yield* TestRelay.start()
        const told = yield* holdfast("connect", relay.url, "--no-service")
        assert.strictEqual(told.code, 1)
        assert.match(told.stdout, /✘ Claude Code .*symbolic link/, told.stdout + told.stderr)
        assert.strictEqual(home.read("dotfiles", "claude.json"), "{}")
        const other = yield* holdfast("connect", "https://other.test/mcp")
        assert.strictEqual(other.code, 2)
        assert.include(other.stderr, "--name NAME")
      }),
    240_000
  )
})

describe("a relay that asks for a token", () => {
  it.live(
    "is named with what to do: log in where it says who lets one in, else a source; with a token's file all is well",
    () =>
      Effect.gen(function*() {
        const { holdfast, home } = yield* setup
        const bare = yield* httpServer(() => ({ status: 401, headers: { "www-authenticate": "Bearer" } }))
        const without = yield* holdfast("connect", `${bare.origin}/mcp`, "--no-service")
        assert.strictEqual(without.code, 1, without.stdout + without.stderr)
        assert.match(
          without.stdout,
          /^✘ token default\/default +none, and the relay asks for one\n +do: name .*--token-file/m
        )
        assert.notInclude(without.stdout, "holdfast login")
        yield* holdfast("connect", "--undo")

        const relay = yield* TestRelay.start()
        yield* relay.control.setTokens({ "t0ken": { agent: "default" } })
        const refused = yield* holdfast("connect", relay.url, "--no-service")
        assert.match(refused.stdout, /^✘ token default\/default .*\n +do: "holdfast login"$/m, refused.stderr)
        const file = home.write("t0ken\n", "token")
        const taken = yield* holdfast("connect", relay.url, "--no-service", "--token-file", file)
        assert.strictEqual(taken.code, 0, taken.stdout + taken.stderr)
        assert.match(taken.stdout, /^✔ token default\/default /m)
        assert.notInclude(home.read(".config", "holdfast", "holdfast.json"), "t0ken\"")
      }),
    240_000
  )
})

describe("a running daemon", () => {
  it.live(
    "is healthy, reads its relays anew on SIGHUP and by reload, and stops cleanly by stop",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const config = home.write("{}", "holdfast.json")
        const daemon = yield* Daemon.start({ relayUrl: "http://127.0.0.1:9/mcp", args: ["--config", config] })
        const healthy = yield* daemon.command("health")
        assert.strictEqual(healthy.code, 0)
        assert.match(healthy.stdout, /^ready/)

        home.write("{\"relays\":{\"one\":{\"url\":\"http://127.0.0.1:9/one\"}}}", "holdfast.json")
        yield* daemon.signal("SIGHUP")
        const ids = Effect.map(daemon.command("status", "--json"), ({ stdout }) =>
          JSON.parse(stdout).relays.map(({ id }: { readonly id: string }) => id).join())
        yield* eventually("the relay of the file is served", ids, (text) =>
          text === "default,one", "20 seconds")

        home.write("{}", "holdfast.json")
        const reloaded = yield* daemon.command("reload")
        assert.match(reloaded.stdout, /^removed {2}one$/m)

        const stopped = yield* daemon.command("stop")
        assert.strictEqual(stopped.code, 0, stopped.stderr)
        assert.deepStrictEqual(yield* daemon.ended, { code: 0, signal: null })
        assert.strictEqual((yield* daemon.command("health")).code, 3)
        assert.strictEqual((yield* daemon.command("stop")).code, 3)
      }),
    120_000
  )
})
