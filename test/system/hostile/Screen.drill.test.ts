/** What a relay says reaches an operator's screen by commands and logs: names of tools, errors, answers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { scratch } from "../../support/agents/scratch.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { childEnvironment } from "../../support/environment.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { run } from "../../support/Program.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { hostileRelay } from "./HostileRelay.ts"

const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202egnp.exe\u2066\r\u0007"
// oxlint-disable-next-line no-control-regex
const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/

const setup = Effect.gen(function*() {
  const relay = yield* hostileRelay({
    special: ({ id, rpc }, response) => {
      if (rpc !== "tools/list") return false
      const tools = [{ name: `a${evil}b\nrelay_send_message  visible; queued`, inputSchema: { type: "object" } }]
      json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: { tools } })
      return true
    },
    evil: ({ id }, response) =>
      json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), error: { code: -32000, message: evil } })
  })
  const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
  const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
  yield* client.toolNames
  yield* Effect.exit(client.call("relay_send_message", { to: "b", text: evil }))
  return { daemon, relay }
})

describe("what a relay says", () => {
  it.live("reaches no screen by any command that prints it, and is not lost in JSON", () =>
    Effect.gen(function*() {
      const { daemon } = yield* setup
      const lines = [
        ["tools"],
        ["tools", "--json"],
        ["status"],
        ["status", "--json"],
        ["outbox", "list"],
        ["outbox", "list", "--json"],
        ["outbox", "export"],
        ["outbox", "show", "1"],
        ["outbox", "show", "1", "--json"],
        ["doctor"],
        ["doctor", "--json"]
      ]
      const all: Array<string> = []
      for (const line of lines) {
        const { stderr, stdout } = yield* daemon.command(...line)
        assert.notMatch(stdout + stderr, harmful, line.join(" "))
        if (line.includes("--json") && stdout !== "") all.push(JSON.stringify(JSON.parse(stdout)))
      }
      assert.isTrue(all.some((text) => text.includes(JSON.stringify(evil).slice(1, -1))))
      const { stdout } = yield* daemon.command("tools")
      assert.notMatch(stdout, /^relay_send_message {2}visible/m)
      assert.include(stdout, "gnp.exe")
      assert.notMatch((yield* daemon.stdout) + (yield* daemon.stderr), harmful)
    }), 120_000)

  const script = spawnSync("script", ["--version"]).status === 0
  it.live.skipIf(!script)("reaches no terminal but in our own colors", () =>
    Effect.gen(function*() {
      const { daemon } = yield* setup
      const line = [process.execPath, holdfastFile, "tools", "--data-dir", daemon.dataDir].join(" ")
      const { NO_COLOR: _, ...env } = childEnvironment({ TERM: "xterm-256color" })
      const { stdout } = spawnSync("script", ["-qec", line, "/dev/null"], { env, encoding: "utf8", input: "" })
      assert.include(stdout, "\u001b[1mdefault at default\u001b[0m")
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(stdout.replaceAll(/\u001b\[(?:[012]|3[1-3])m/g, "").replaceAll("\r\n", "\n"), harmful)
    }), 60_000)

  it.live("and what a checkout's file says, reaches no screen by wrap", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      const servers = {
        [`a${evil}`]: { type: "http", url: "https://evil.test/mcp" },
        [`b${evil}\nsafe at https://safe.test`]: {
          type: "http",
          url: "https://evil.test",
          headers: { [evil]: "${A-B}" }
        }
      }
      const { code, stderr, stdout } = yield* run(
        ["wrap", home.write(JSON.stringify({ mcpServers: servers }), "mcp.json")],
        home.environment
      )
      assert.strictEqual(code, 1)
      assert.notMatch(stdout + stderr, harmful)
      assert.notMatch(stdout + stderr, /^safe at/m)
    }), 60_000)
})
