import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { dataDirectory, run, runWith } from "../../support/Terminal.ts"

const subcommandsIn = (help: string): ReadonlyArray<string> => {
  const [, section = ""] = help.split("SUBCOMMANDS")
  const [names = ""] = section.split("EXAMPLES", 1)
  return [...names.matchAll(/^ {2}([\w-]+)/gm)].map(([, name = ""]) => name)
}

describe("the command line", () => {
  it.live("serve without a relay is a usage error that names both ways", () =>
    Effect.gen(function*() {
      const ended = yield* run(yield* dataDirectory, "serve")
      assert.strictEqual(ended.code, 2)
      assert.include(ended.err, "--relay URL")
      assert.include(ended.err, "--embedded")
    }))

  it.live("serve with two relays is a usage error", () =>
    Effect.gen(function*() {
      const ended = yield* run(yield* dataDirectory, "serve", "--embedded", "--relay", "http://127.0.0.1:1/mcp")
      assert.strictEqual(ended.code, 2)
    }))

  it.live.each(["sevre", "status --wach", "serve --port 99999", "outbox list --state lost"])(
    "%s is a usage error: what was wrong goes to standard error, where to read on too",
    (line) =>
      Effect.gen(function*() {
        const ended = yield* run(yield* dataDirectory, ...line.split(" "))
        assert.strictEqual(ended.code, 2)
        assert.include(ended.err, "--help")
        assert.strictEqual(ended.out, "")
      })
  )

  it.live.each([
    ["agents add two-words'", "agents add <name>: \"two-words'\". Expected a name of 1 to 64"],
    ["serve --port 70000", "--port: \"70000\". Expected: 0 to 65535"],
    ["outbox retry first", "<id>: \"first\". Expected a whole number"],
    ["login --relay elsewhere", "no relay is called \"elsewhere\""],
    ["connect mcp.example.com", "\"mcp.example.com\" is not valid"]
  ])("%s: says what was wrong, and what is right, in plain words", ([line = "", words = ""]) =>
    Effect.gen(function*() {
      const { code, err } = yield* run(yield* dataDirectory, ...line.split(" "))
      assert.isAbove(code, 0)
      assert.include(err, words.replace(/^agents add /, ""))
      assert.notMatch(err, /Schema|RegExp|FileSystem|Error:|finite/)
    }))

  it.live("a configuration file that is not there, or is none, is named in plain words", () =>
    Effect.gen(function*() {
      const dataDir = yield* dataDirectory
      const missing = yield* runWith({ dataDir, config: `${dataDir}/none.json` }, "config", "check")
      assert.include(missing.err, `there is no file ${dataDir}/none.json`)
      assert.include((yield* runWith({ dataDir, config: dataDir }, "config", "check")).err, `${dataDir} is not a file`)
    }))

  it.live("doctor says where the data directory cannot be made, and what to do", () =>
    Effect.gen(function*() {
      const directory = yield* dataDirectory
      const file = `${directory}/file`
      writeFileSync(file, "")
      writeFileSync(`${directory}/empty.json`, "{}")
      const files = { dataDir: `${file}/deep/holdfast`, config: `${directory}/empty.json` }
      const { out } = yield* runWith(files, "doctor")
      assert.include(out, `data directory: ${files.dataDir} cannot be made: ${file} is a file; do: move it away`)
    }))

  it.live("an empty name of a directory or a file is refused, and not taken for the present directory", () =>
    Effect.gen(function*() {
      const directory = yield* dataDirectory
      for (const [flag, files] of [["--data-dir", { dataDir: "" }], ["--config", { config: "" }]] as const) {
        const { code, err } = yield* runWith({ dataDir: directory, config: "unused.json", ...files }, "config", "check")
        assert.strictEqual(code, 2, flag)
        assert.include(err, `Missing value for flag ${flag}`)
      }
    }))

  it.live("a bad URL that may hold a password is not repeated", () =>
    Effect.gen(function*() {
      const { code, err } = yield* run(yield* dataDirectory, "connect", "http://me:hunter2@mcp.example.com/mcp")
      assert.strictEqual(code, 2)
      assert.notInclude(err, "hunter2")
    }))

  it.live("a bad setting ends with 1 and names the key, the value and where it came from", () =>
    Effect.gen(function*() {
      const ended = yield* run(yield* dataDirectory, "serve", "--relay", "nowhere")
      assert.strictEqual(ended.code, 1)
      assert.include(ended.err, "relay.url")
      assert.include(ended.err, "--relay")
    }))

  it.live("--help lists what there is, and nothing else", () =>
    Effect.gen(function*() {
      const { code, out } = yield* run(yield* dataDirectory, "--help")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(subcommandsIn(out), [
        "connect",
        "serve",
        "stop",
        "reload",
        "restart",
        "health",
        "logs",
        "events",
        "relay",
        "exec",
        "stdio",
        "headers",
        "config",
        "status",
        "top",
        "open",
        "outbox",
        "results",
        "inbox",
        "context",
        "tools",
        "agents",
        "token",
        "login",
        "credential",
        "gh",
        "wrap",
        "unwrap",
        "doctor",
        "demo"
      ])
    }))

  it.live.each(["claude", "codex", "gemini", "cursor", "vscode", "json"])(
    "config %s names what leads to the endpoint, and puts no secret on a command line",
    (client) =>
      Effect.gen(function*() {
        const directory = yield* dataDirectory
        const { code, err, out } = yield* run(directory, "config", client)
        assert.strictEqual(code, 0)
        const byCommand = ["codex", "gemini"].includes(client)
        const told = byCommand ? `"stdio","--data-dir","${directory}"` : "http://127.0.0.1:4851/mcp"
        assert.include(out.replaceAll(/\s+/g, ""), told)
        const where = client === "claude" || byCommand ? directory : `${directory}/agent-secret`
        assert.include(`${out}${err}`, where)
        assert.notMatch(out, /--header|export /)
      })
  )

  it.live.each(["claude", "gemini", "cursor", "vscode", "json"])(
    "config %s prints one JSON document",
    (client) =>
      Effect.gen(function*() {
        const { out } = yield* run(yield* dataDirectory, "config", client)
        const { mcpServers, servers } = JSON.parse(out)
        assert.deepStrictEqual(Object.keys(mcpServers ?? servers), ["holdfast"])
      })
  )

  it.live.each(["claude", "codex", "gemini", "cursor", "vscode", "json"])(
    "config %s --agent names a command that gets that agent's secret, and no secret",
    (client) =>
      Effect.gen(function*() {
        const directory = yield* dataDirectory
        const { code, err, out } = yield* run(directory, "config", client, "--agent", "ada")
        assert.strictEqual(code, 0)
        const words = out.replaceAll(/\s+/g, "")
        assert.include(words, `"stdio","--data-dir","${directory}"`)
        assert.include(words, "\"--agent\",\"ada\"")
        assert.notMatch(`${out}${err}`, /Authorization|HOLDFAST_AGENT_SECRET|agent-secret/)
        // `connect` registers the default agent, so it does nothing for this one.
        assert.notInclude(err, "does it for you")
        assert.strictEqual((yield* run(directory, "config", client, "--agent", "not a name")).code, 2)
      })
  )

  it.live("--help of every command has an example, which names the command itself", () =>
    Effect.gen(function*() {
      const directory = yield* dataDirectory
      const visit = (path: ReadonlyArray<string>): Effect.Effect<number, unknown> =>
        Effect.gen(function*() {
          const { out } = yield* run(directory, ...path, "--help")
          const [, examples = ""] = out.split("EXAMPLES")
          assert.match(examples, new RegExp(`holdfast ${path.join(" ")}`), path.join(" "))
          const counts = yield* Effect.forEach(subcommandsIn(out), (name) => visit([...path, name]))
          return counts.reduce((sum, count) => sum + count, 1)
        })
      assert.isAbove(yield* visit([]), 40)
    }), 60_000)

  it.live("config check says what is in force", () =>
    Effect.gen(function*() {
      const directory = yield* dataDirectory
      const { code, out } = yield* run(directory, "config", "check")
      assert.strictEqual(code, 0)
      assert.include(out, directory)
    }))
})
