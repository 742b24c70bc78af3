/** `holdfast wrap` and `unwrap`: people's own configurations, and the relays that they become. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { type Scratch, scratch } from "../../support/agents/scratch.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { childEnvironment } from "../../support/environment.ts"
import { run } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import * as Terminal from "../../support/Terminal.ts"

interface Case {
  readonly client: string
  readonly file: ReadonlyArray<string>
  readonly text: string
  /** What the server `docs` becomes. */
  readonly wrapped: RegExp
}

const cases: ReadonlyArray<Case> = [
  {
    client: "Claude Code",
    file: ["project", ".mcp.json"],
    text: `{
    "mcpServers": {
        "files": { "command": "npx", "args": ["files"] },
        "docs": { "type": "http", "url": "https://docs.test/mcp", "headers": { "Authorization": "Bearer \${DOCS_TOKEN}", "X-Team": "a" } },
        "old": { "type": "sse", "url": "https://old.test/sse" }
    }
}`,
    wrapped:
      /"url": "http:\/\/127\.0\.0\.1:4851\/mcp\/docs".*\{\s*"Authorization": "Bearer \$\{HOLDFAST_AGENT_SECRET\}"\s*\}/s
  },
  {
    client: "Cursor",
    file: ["project", ".cursor", "mcp.json"],
    text:
      "{\r\n\t\"mcpServers\": {\r\n\t\t\"docs\": {\r\n\t\t\t\"url\": \"https://docs.test/mcp\",\r\n\t\t\t\"headers\": { \"authorization\": \"Bearer ${env:DOCS_TOKEN}\", \"X-Team\": \"a\" }\r\n\t\t}\r\n\t}\r\n}\r\n",
    wrapped: /4851\/mcp\/docs".*Bearer \$\{env:HOLDFAST_AGENT_SECRET\}/s
  },
  {
    client: "VS Code",
    file: ["project", ".vscode", "mcp.json"],
    text: `{
  // mine
  "inputs": [],
  "servers": {
    "docs": { "type": "http", "url": "https://docs.test/mcp", "headers": { "Authorization": "Bearer \${env:DOCS_TOKEN}", "X-Team": "a" }, },
    "asks": { "type": "http", "url": "https://asks.test/mcp", "headers": { "Authorization": "Bearer \${input:token}" } }
  }
}
`,
    wrapped: /\/\/ mine.*4851\/mcp\/docs".*Bearer \$\{env:HOLDFAST_AGENT_SECRET\}.*asks\.test/s
  },
  {
    client: "Codex",
    file: [".codex", "config.toml"],
    text: `model = "o3" # mine

[mcp_servers.files]
command = "npx"

[mcp_servers.docs]
url = "https://docs.test/mcp" # theirs
bearer_token_env_var = "DOCS_TOKEN"
http_headers = { "X-Team" = "a" }
startup_timeout_sec = 5

[tools]
url = "not a server's"
`,
    wrapped:
      /\[mcp_servers\.docs\]\nurl = "http:\/\/127\.0\.0\.1:4851\/mcp\/docs"\nbearer_token_env_var = "HOLDFAST_AGENT_SECRET"\nstartup_timeout_sec = 5\n/
  }
]

/** As a script says it. */
const agreed = ["--yes", "--host", "docs.test"]

/** The relay that `docs` becomes: what stood in plain text is in a file that others may not read. */
const assertDocs = (own: string) => {
  const written = JSON.parse(readFileSync(own, "utf8"))
  const { headers, ...rest } = written.relays.docs
  assert.deepStrictEqual({ ...written, relays: { docs: rest } }, {
    listen: { port: 4851 },
    relays: { docs: { url: "https://docs.test/mcp", token: { value: "{env:DOCS_TOKEN}" } } }
  })
  const file = /^\{file:(.+)\}$/.exec(headers["X-Team"])?.[1] ?? ""
  assert.strictEqual(readFileSync(file, "utf8"), "a\n")
  assert.strictEqual(statSync(file).mode & 0o777, 0o600)
}

/** A home with a repository in it, whose hooks and monitor would leave a file. */
const repository = (home: Scratch) => {
  const git = (...args: ReadonlyArray<string>) => {
    const { status, stderr } = spawnSync("git", ["-C", home.file("project"), ...args], {
      env: childEnvironment(home.environment)
    })
    assert.strictEqual(status, 0, String(stderr))
  }
  home.write("", "project", "README")
  git("init", "--quiet")
  const monitor = home.write(`#!/bin/sh\ntouch ${home.file("ran")}\n`, "monitor")
  chmodSync(monitor, 0o755)
  return { git, watched: () => git("config", "core.fsmonitor", monitor) }
}

/** A home in which the command runs in this process, which is quicker, with that home's configuration. */
const inProcess = Effect.gen(function*() {
  const home = yield* scratch
  const own = home.write("{\n  \"listen\": { \"port\": 4851 }\n}\n", ".config", "holdfast", "holdfast.json")
  const holdfast = (...args: ReadonlyArray<string>) =>
    Effect.map(
      Terminal.runWith({ dataDir: home.file(".state", "holdfast"), config: own }, ...args),
      ({ code, err, out }) => ({ code, stdout: out, stderr: err })
    )
  return { home, own, holdfast }
})

/** By the command's own means: a process, which finds its files by itself. */
const asProcess = Effect.gen(function*() {
  const { home, own } = yield* inProcess
  const holdfast = (...args: ReadonlyArray<string>) =>
    Effect.map(run(args, home.environment), ({ code, ...output }) => ({ ...output, code: code ?? -1 }))
  return { home, own, holdfast }
})

const thereAndBack = Effect.fnUntraced(
  function*(each: Case, { holdfast, home, own }: Effect.Success<typeof inProcess>) {
    const file = home.write(each.text, ...each.file)
    chmodSync(file, 0o640)
    const wrapped = yield* holdfast("wrap", ...agreed, file)
    assert.strictEqual(wrapped.code, 0, wrapped.stderr)
    assert.match(readFileSync(file, "utf8"), each.wrapped)
    assert.notInclude(readFileSync(file, "utf8"), "docs.test")
    assertDocs(own)
    assert.match(wrapped.stderr, /what the client had: DOCS_TOKEN\.$/m)

    const unwrapped = yield* holdfast("unwrap", file)
    assert.strictEqual(unwrapped.code, 0, unwrapped.stderr)
    assert.strictEqual(readFileSync(file, "utf8"), each.text)
    assert.strictEqual(statSync(file).mode & 0o777, 0o640)
    assert.deepStrictEqual(JSON.parse(readFileSync(own, "utf8")), { listen: { port: 4851 } })
    assert.deepStrictEqual(
      readdirSync(home.file(".state", "holdfast")).filter((name) => name.startsWith("wrapped")),
      []
    )
  }
)

describe("holdfast wrap", () => {
  it.live.each(cases)(
    "puts the remote servers of $client behind Holdfast, and unwrap brings every byte back",
    (each) => Effect.flatMap(inProcess, (home) => thereAndBack(each, home))
  )

  it.live("finds its own files by itself", () =>
    Effect.gen(function*() {
      const [each] = cases
      assert.isDefined(each)
      yield* thereAndBack(each, yield* asProcess)
    }))

  it.live(
    "what stood in plain text is in neither file, but in one that only the user may read, and the relay gets it",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const relay = yield* TestRelay.start({ tokens: { "s3cret-token": { agent: "of docs" } } })
        const agreed = ["--yes", "--host", new URL(relay.url).host]
        const headers = { Authorization: "Bearer s3cret-token", "X-Api-Key": "s3cret-key", "X-Mixed": "${TEAM}" }
        const file = home.write(
          JSON.stringify({ mcpServers: { docs: { type: "http", url: relay.url, headers } } }),
          ".mcp.json"
        )
        const own = home.write("{}", ".config", "holdfast", "holdfast.json")
        const daemon = yield* Daemon.start({ args: ["--relay", relay.url, "--config", own], env: { TEAM: "red" } })
        const wrapped = yield* run(["wrap", ...agreed, file, "--data-dir", daemon.dataDir], home.environment)
        assert.strictEqual(wrapped.code, 0, wrapped.stderr)
        const said = [readFileSync(file, "utf8"), readFileSync(own, "utf8"), wrapped.stdout, wrapped.stderr].join("\n")
        assert.notInclude(said, "s3cret")
        assert.include(said, "{env:TEAM}")
        const secrets = () => readdirSync(daemon.dataDir).filter((name) => name.endsWith(".secret"))
        assert.lengthOf(secrets(), 2)
        for (const name of secrets()) assert.strictEqual(statSync(`${daemon.dataDir}/${name}`).mode & 0o777, 0o600)

        const client = yield* Clients.sdk(`${daemon.url}/docs`, { secret: daemon.secret })
        assert.include(JSON.stringify(yield* client.call("whoami")), "of docs")
        const calls = (yield* relay.requests).filter(({ headers }) => headers.authorization === "Bearer s3cret-token")
        assert.isNotEmpty(calls)
        for (const { headers } of calls) {
          assert.strictEqual(headers["x-api-key"], "s3cret-key")
          assert.strictEqual(headers["x-mixed"], "red")
        }

        assert.strictEqual((yield* run(["unwrap", file, "--data-dir", daemon.dataDir], home.environment)).code, 0)
        assert.deepStrictEqual(secrets(), [])
        assert.include(readFileSync(file, "utf8"), "s3cret-token")
      })
  )

  it.live(
    "warns where git tracks what it changes, and runs nothing that the repository names",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const { git, watched } = repository(home)
        const file = home.write(cases[0]?.text ?? "", "project", ".mcp.json")
        const own = home.write("{}", "project", "holdfast.json")
        watched()
        const untracked = yield* run(["wrap", ...agreed, file, "--config", own], home.environment)
        assert.strictEqual(untracked.code, 0, untracked.stderr)
        assert.notInclude(untracked.stderr, "tracked by git")
        assert.strictEqual((yield* run(["unwrap", file], home.environment)).code, 0)

        git("-c", "core.fsmonitor=false", "add", ".")
        const tracked = yield* run(["wrap", ...agreed, file, "--config", own], home.environment)
        assert.strictEqual(tracked.code, 0, tracked.stderr)
        assert.include(tracked.stderr, `warning: ${file} is tracked by git`)
        assert.include(tracked.stderr, `warning: ${own} is tracked by git`)
        assert.isFalse(existsSync(home.file("ran")))
      })
  )

  it.live("changes nothing where a file cannot be written", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      const text = cases[0]?.text ?? ""
      // So long a name leaves no room for a draft beside the file.
      const file = home.write(text, `${"a".repeat(240)}.mcp.json`)
      const fresh = yield* run(["wrap", ...agreed, file], home.environment)
      assert.strictEqual(fresh.code, 1)
      assert.match(fresh.stderr, /nothing was changed$/m)
      assert.strictEqual(readFileSync(file, "utf8"), text)
      assert.isFalse(existsSync(home.file(".config", "holdfast", "holdfast.json")))

      const before = "{ \"listen\":{\"port\": 4851 }}\n\n"
      const own = home.write(before, ".config", "holdfast", "holdfast.json")
      const again = yield* run(["wrap", ...agreed, file], home.environment)
      assert.strictEqual(again.code, 1)
      assert.strictEqual(readFileSync(own, "utf8"), before)
      assert.deepStrictEqual(
        readdirSync(home.file(".state", "holdfast")).filter((name) => name.startsWith("wrapped")),
        []
      )
    }))

  it.live.each([
    {
      what: "the data directory",
      says: /the data directory \S+ cannot be used: there is a file of that name/,
      spoil: (home: Scratch) => home.write("", ".state", "holdfast")
    },
    {
      what: "holdfast.json",
      says: /nothing was changed$/m,
      // So long a name leaves no room for a draft beside the file.
      spoil: (home: Scratch) => home.write("{ \"listen\":{} }\n", ".config", `${"a".repeat(240)}.holdfast.json`)
    }
  ])("changes nothing where $what cannot be written", ({ says, spoil }) =>
    Effect.gen(function*() {
      const home = yield* scratch
      const text = cases[0]?.text ?? ""
      const file = home.write(text, ".mcp.json")
      const spoiled = spoil(home)
      const before = readFileSync(spoiled)
      const own = spoiled.endsWith(".json") ? ["--config", spoiled] : []
      const refused = yield* run(["wrap", ...agreed, file, ...own], home.environment)
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, says)
      assert.strictEqual(readFileSync(file, "utf8"), text)
      assert.deepStrictEqual(readFileSync(spoiled), before)
      assert.isFalse(existsSync(home.file(".config", "holdfast", "holdfast.json")))
      if (own.length > 0) {
        const left = readdirSync(home.file(".state", "holdfast")).filter((name) => name.startsWith("wrapped"))
        assert.deepStrictEqual(left, [])
      }
      assert.deepStrictEqual(
        readdirSync(home.path).toSorted(),
        [".config", ".mcp.json", ".state"].filter((name) => existsSync(home.file(name)))
      )
    }))

  it.live.each([
    { what: "empty", text: "{}" },
    { what: "absent", text: undefined }
  ])("leaves no list of relays behind in a holdfast.json that was $what", ({ text }) =>
    Effect.gen(function*() {
      const home = yield* scratch
      const own = [".config", "holdfast", "holdfast.json"] as const
      if (text !== undefined) home.write(text, ...own)
      const file = home.write(cases[0]?.text ?? "", ".mcp.json")
      assert.strictEqual((yield* run(["wrap", ...agreed, file], home.environment)).code, 0)
      assert.include(home.read(...own), "docs.test")
      assert.strictEqual((yield* run(["unwrap", file], home.environment)).code, 0)
      assert.deepStrictEqual(JSON.parse(home.read(...own)), {})
    }))

  it.live("changes nothing where the daemon does not take the relays", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      const relay = yield* TestRelay.start()
      const theirs = home.write("{}", "theirs.json")
      const daemon = yield* Daemon.start({ args: ["--relay", relay.url, "--config", theirs] })
      home.write("{ \"nonsense\": 1 }", "theirs.json")
      const [each] = cases
      const file = home.write(each?.text ?? "", ".mcp.json")
      const before = "{\"listen\":{\"port\":4851}}"
      const own = home.write(before, ".config", "holdfast", "holdfast.json")
      const refused = yield* run(["wrap", ...agreed, file, "--data-dir", daemon.dataDir], home.environment)
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /nonsense is not a setting.*nothing was changed$/ms)
      assert.notInclude(refused.stdout, "is now at")
      assert.strictEqual(readFileSync(file, "utf8"), each?.text)
      assert.strictEqual(readFileSync(own, "utf8"), before)
      assert.deepStrictEqual(readdirSync(daemon.dataDir).filter((name) => name.startsWith("wrapped")), [])
    }))

  it.live("leaves a configuration that is valid, and does neither twice", () =>
    Effect.gen(function*() {
      const { holdfast, home } = yield* inProcess
      const file = home.write(cases[0]?.text ?? "", ...cases[0]?.file ?? [])
      assert.strictEqual((yield* holdfast("wrap", ...agreed, file)).code, 0)
      assert.strictEqual((yield* holdfast("config", "check")).code, 0)
      const twice = yield* holdfast("wrap", ...agreed, file)
      assert.strictEqual(twice.code, 1)
      assert.include(twice.stderr, "wrapped already")
      assert.strictEqual((yield* holdfast("unwrap", file)).code, 0)
      const again = yield* holdfast("unwrap", file)
      assert.strictEqual(again.code, 1)
      assert.include(again.stderr, "was not wrapped")
    }))

  it.live("leaves a relay over a socket as it is, beside those that it adds, and takes only these back", () =>
    Effect.gen(function*() {
      const { holdfast, home, own } = yield* inProcess
      const before = JSON.stringify({ relays: { team: { url: `unix://${home.file("relay.sock")}` } } }, null, 2)
      writeFileSync(own, before)
      const file = home.write(cases[0]?.text ?? "", ...cases[0]?.file ?? [])
      const wrapped = yield* holdfast("wrap", ...agreed, file)
      assert.strictEqual(wrapped.code, 0, wrapped.stderr)
      assert.deepStrictEqual(Object.keys(JSON.parse(readFileSync(own, "utf8")).relays).sort(), ["docs", "team"])
      const checked = yield* holdfast("config", "check")
      assert.strictEqual(checked.code, 0, checked.stderr)
      assert.match(checked.stdout, /socket +team: .*relay\.sock/)
      assert.strictEqual((yield* holdfast("unwrap", file)).code, 0)
      assert.strictEqual(readFileSync(own, "utf8"), before)
    }))

  it.live("leaves what it cannot stand for, and says which and why", () =>
    Effect.gen(function*() {
      const { holdfast, home } = yield* inProcess
      const [claude, , vscode] = cases
      const said = yield* Effect.forEach([claude, vscode], (each) =>
        Effect.map(holdfast("wrap", ...agreed, home.write(each?.text ?? "", ...each?.file ?? [])), ({ stderr }) =>
          stderr))
      assert.include(said[0], "left as it is: \"old\", since it speaks the old transport")
      assert.include(said[1], "left as it is: \"asks\", since its header \"Authorization\" is more than")
      const nothing = yield* holdfast("wrap", ...agreed, home.write("{}", "none.json"))
      assert.strictEqual(nothing.code, 1)
      assert.include(nothing.stderr, "names no remote server")
      const broken = yield* holdfast("wrap", ...agreed, home.write("{\n  \"mcpServers\": {,\n", "broken.json"))
      assert.strictEqual(broken.code, 1)
      assert.match(broken.stderr, /broken\.json is not JSON: .* at line 2, column \d+; nothing was changed/)
      const toml = "[mcp_servers.docs]\nurl = \"https://docs.test/mcp\nbearer_token_env_var = \"DOCS\"\n"
      const brokenToml = yield* holdfast("wrap", ...agreed, home.write(toml, "config.toml"))
      assert.strictEqual(brokenToml.code, 1)
      assert.match(brokenToml.stderr, /config\.toml is not TOML: .* at line 2, column \d+; nothing was/)
      const withUser = { mcpServers: { mine: { type: "http", url: "https://ada:pw@docs.test/mcp" } } }
      const refused = yield* holdfast("wrap", ...agreed, home.write(JSON.stringify(withUser), "user.json"))
      assert.include(refused.stderr, "left as it is: \"mine\", since its URL holds a user or a password")
    }))

  it.live(
    "never overwrites what was changed since: unwrap then puts the original into the data directory",
    () =>
      Effect.gen(function*() {
        const { holdfast, home } = yield* inProcess
        const [each] = cases
        const file = home.write(each?.text ?? "", "project", ".mcp.json")
        yield* holdfast("wrap", ...agreed, file)
        const changed = `${readFileSync(file, "utf8")}\n`
        home.write(changed, "project", ".mcp.json")
        const refused = yield* holdfast("unwrap", file)
        assert.strictEqual(refused.code, 1)
        assert.strictEqual(readFileSync(file, "utf8"), changed)
        const [kept = ""] = /\S+\.original/.exec(refused.stderr) ?? []
        assert.strictEqual(readFileSync(kept, "utf8"), each?.text)
        assert.strictEqual(statSync(kept).mode & 0o777, 0o600)
        assert.deepStrictEqual(readdirSync(home.file("project")), [".mcp.json"])
        rmSync(file)
        home.write(each?.text ?? "", "project", ".mcp.json")
        assert.strictEqual((yield* holdfast("unwrap", file)).code, 0)
      })
  )

  it.live(
    "each server is a relay of its own, with its own token, and none waits for another",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const one = yield* TestRelay.start({ tokens: { t1: { agent: "of one" } } })
        const two = yield* TestRelay.start({ tokens: { t2: { agent: "of two" } } })
        const hung = yield* TestRelay.start()
        const agreed = ["--yes", "--host", [one, two].map(({ url }) => new URL(url).host).join(",")]
        const server = (relay: TestRelay, variable: string) => ({
          type: "http",
          url: relay.url,
          headers: { Authorization: `Bearer \${${variable}}` }
        })
        const servers = { one: server(one, "ONE"), two: server(two, "TWO"), hung: { type: "http", url: hung.url } }
        const file = home.write(JSON.stringify({ mcpServers: servers }), ".mcp.json")
        const own = home.write("{}", ".config", "holdfast", "holdfast.json")
        const wrapped = yield* run(["wrap", ...agreed, file], home.environment)
        assert.strictEqual(wrapped.code, 0, wrapped.stderr)
        yield* hung.stop

        const from = performance.now()
        const daemon = yield* Daemon.start({ args: ["--config", own], env: { ONE: "t1", TWO: "t2" } })
        const first = yield* Clients.sdk(`${daemon.url}/one`, { secret: daemon.secret })
        const second = yield* Clients.sdk(`${daemon.url}/two`, { secret: daemon.secret })
        assert.include(JSON.stringify(yield* first.call("whoami")), "of one")
        assert.include(JSON.stringify(yield* second.call("whoami")), "of two")
        yield* one.kill
        const queued = yield* first.call("relay_send_message", { to: "b", text: "later" })
        assert.include(JSON.stringify(queued.structuredContent), "\"queued\":true")
        const called = performance.now()
        assert.include(JSON.stringify(yield* second.call("whoami")), "of two")
        assert.isBelow(performance.now() - called, 2000)
        assert.isBelow(performance.now() - from, 25_000)
        yield* hung.cont
      })
  )
})
