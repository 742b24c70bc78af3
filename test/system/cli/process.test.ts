/** `holdfast` as a process: how it starts, how it ends, and what it prints. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"

const nowhere = "http://127.0.0.1:9/mcp"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-process-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** One that only serves, for all sentences that leave it so. */
class Running extends Context.Service<Running, Daemon>()("holdfast/test/Running") {
  static readonly layer = Layer.effect(Running, Daemon.start({ relayUrl: nowhere }))
}

layer(Running.layer, { excludeTestServices: true })("holdfast as a process that serves", (it) => {
  it.effect("stdio and headers reach the daemon that runs, whatever mistake is in the configuration file by now", () =>
    Effect.gen(function*() {
      const daemon = yield* Running
      const config = join(yield* directory, "broken.json")
      writeFileSync(config, "{ \"relay\":")
      for (const command of ["stdio", "headers"]) {
        const ended = yield* daemon.command(command, "--config", config)
        assert.strictEqual(ended.code, 0, ended.stderr)
      }
    }))

  it.effect("serve says where it listens, where the secret is, and the one line for agents, which has no secret", () =>
    Effect.gen(function*() {
      const daemon = yield* Running
      const out = yield* eventually("the lines are printed", daemon.stdout, (text) => text.includes("agents"))
      assert.include(out, daemon.url)
      assert.include(out, join(daemon.dataDir, "agent-secret"))
      assert.include(out, `connect --data-dir ${daemon.dataDir}`)
      assert.notInclude(out, "$(")
      assert.notInclude(out, daemon.secret)
      assert.notInclude(yield* daemon.stderr, daemon.secret)
    }))

  it.effect("the secrets are its user's alone", () =>
    Effect.gen(function*() {
      const daemon = yield* Running
      const mode = (name: string) => statSync(join(daemon.dataDir, name)).mode & 0o777
      assert.strictEqual(mode("."), 0o700)
      assert.strictEqual(mode("agent-secret"), 0o600)
      assert.strictEqual(mode("admin-secret"), 0o600)
    }))

  it.effect("a taken port is named, with the way out", () =>
    Effect.gen(function*() {
      const daemon = yield* Running
      const other = yield* directory
      const ended = yield* Daemon.run(
        ["serve", "--relay", nowhere, "--port", String(daemon.port), "--data-dir", join(other, "data")]
      )
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, String(daemon.port))
      assert.include(ended.stderr, "--port")
    }))
})

describe("holdfast as a process", () => {
  it.live("serve names each of several relays", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const file = join(path, "holdfast.json")
      writeFileSync(file, JSON.stringify({ relays: { docs: { url: "http://127.0.0.1:9/docs?token=t0ken" } } }))
      const daemon = yield* Daemon.start({ relayUrl: nowhere, args: ["--config", file] })
      const out = yield* eventually("the lines are printed", daemon.stdout, (text) => text.includes("secret"))
      assert.include(out, `relays       default → ${nowhere}\n               docs → http://127.0.0.1:9/docs\n`)
      assert.notInclude(out, "t0ken")
    }))

  it.live("the log says when the daemon is ready, with what, and why it stops", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ relayUrl: nowhere, env: { HOLDFAST_LOG_FORMAT: "json" } })
      yield* eventually("the line", daemon.stderr, (text) => text.includes("Holdfast is ready"))
      yield* daemon.terminate
      const events = (yield* daemon.stderr).trim().split("\n").map((line) => JSON.parse(line))
      const ready = events.find(({ message }) => message === "Holdfast is ready")
      const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))
      assert.deepInclude(ready, { level: "info", version, url: daemon.url, relays: "default", dataDir: daemon.dataDir })
      assert.deepInclude(events.at(-1), { level: "info", message: "Holdfast is stopping", reason: "received SIGTERM" })
    }))

  it.live("status finds the daemon by its data directory, and says that it is gone once it stopped", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ relayUrl: nowhere })
      const status = yield* daemon.command("status", "--json")
      assert.strictEqual(status.code, 0)
      assert.strictEqual(JSON.parse(status.stdout).daemon.pid, yield* daemon.pid)
      assert.deepStrictEqual(yield* daemon.terminate, { code: 0, signal: null })
      assert.strictEqual((yield* daemon.command("status")).code, 3)
    }))

  it.live("SIGINT stops it cleanly, and takes endpoint.json back", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ relayUrl: nowhere })
      yield* daemon.signal("SIGINT")
      assert.deepStrictEqual(yield* daemon.ended, { code: 0, signal: null })
      assert.isUndefined(statSync(join(daemon.dataDir, "endpoint.json"), { throwIfNoEntry: false }))
    }))

  it.live("a second daemon on the data directory says who is there, and leaves it alone", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ args: ["--embedded"] })
      for (const relay of [["--embedded"], ["--relay", nowhere]]) {
        const second = yield* daemon.command("serve", ...relay, "--port", "0")
        assert.strictEqual(second.code, 1)
        assert.include(second.stderr, `process ${yield* daemon.pid}`)
        assert.include(second.stderr, "--data-dir")
      }
      assert.strictEqual((yield* daemon.command("status")).code, 0)
    }))

  it.live("a bad configuration file is one clear message", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const file = join(path, "holdfast.json")
      writeFileSync(file, "{\"relay\":{\"url\":\"http://relay.test/mcp\"},\"outbox\":{\"worker\":8}}")
      const ended = yield* Daemon.run(["serve", "--config", file, "--data-dir", join(path, "data")])
      assert.strictEqual(ended.code, 1)
      assert.match(ended.stderr, /^holdfast: the configuration is not valid:\n {2}- outbox\.worker is not a setting/)
      assert.include(ended.stderr, "workers")
      assert.notInclude(ended.stderr, "    at ")
    }))

  it.live("a damaged database is one clear message, and stays as it is", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const data = join(path, "data")
      mkdirSync(data, { mode: 0o700 })
      const damaged = Buffer.alloc(8192, "not a database ")
      writeFileSync(join(data, "holdfast.db"), damaged)
      const ended = yield* Daemon.run(["serve", "--relay", nowhere, "--port", "0", "--data-dir", data])
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "is damaged")
      assert.notInclude(ended.stderr, "    at ")
      assert.deepStrictEqual(readFileSync(join(data, "holdfast.db")), damaged)
    }))

  it.live("a data directory that is a file is one clear message", () =>
    Effect.gen(function*() {
      const file = join(yield* directory, "file")
      writeFileSync(file, "")
      chmodSync(file, 0o600)
      const ended = yield* Daemon.run(["serve", "--relay", nowhere, "--port", "0", "--data-dir", file])
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "there is a file of that name")
    }))

  it.live("no flag takes a secret, and no output has colour where nobody looks", () =>
    Effect.gen(function*() {
      const help = yield* Daemon.run(["serve", "--help"], { FORCE_COLOR: "0" })
      assert.notMatch(help.stdout, /--(token|secret)/)
      assert.notInclude(help.stdout, "\u001b[")
    }))
})

describe("holdfast demo", () => {
  it.live(
    "shows the outage without Holdfast, where messages and session are lost, then with it, in 80 columns",
    () =>
      Effect.gen(function*() {
        const home = yield* directory
        const foreign = { HOLDFAST_PORT: "none", HOLDFAST_TOKEN: "x", HOME: home, TMPDIR: home, NO_COLOR: "1" }
        const { code, stderr, stdout } = yield* Daemon.run(["demo"], foreign)
        assert.strictEqual(code, 0, stderr)
        const [, without = "", through = ""] = stdout.split(/^With(?:out)? Holdfast/m)
        assert.match(without, /✘ send +“during the outage” fails: cannot be reached\n/)
        assert.match(without, /✘ inbox +the client's session is dead: HTTP 404/)
        assert.include(without, "1 of 3 messages; two are lost")
        assert.notInclude(through, "✘")
        assert.strictEqual(through.match(/✔ send +“[^”]+” is queued/g)?.length, 2)
        assert.match(through, /all 3 messages, each once, in order\n/)
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80, line)
        assert.notInclude(stdout, "\u001b[")
        assert.deepStrictEqual(readdirSync(home), [])
      })
  )
})
