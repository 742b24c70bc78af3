/** `holdfast wrap` and `unwrap` beside a daemon that runs: its relays come and go, and nobody else notices. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { readFileSync } from "node:fs"
import { StatusView } from "../../../src/admin/StatusView.ts"
import { scratch, telling, told } from "../../support/agents/scratch.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertQueued, send, texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { run } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const decodeStatus = Schema.decodeUnknownSync(Schema.toCodecJson(StatusView))

const setup = Effect.gen(function*() {
  const home = yield* scratch
  const tokens = { t2: { agent: "of two" }, t3: { agent: "of three" } }
  const [relay, other] = yield* Effect.all([TestRelay.start(), TestRelay.start({ tokens })], { concurrency: 2 })
  const own = home.write(JSON.stringify({ relay: { url: relay.url } }), ".config", "holdfast", "holdfast.json")
  const daemon = yield* Daemon.start({ args: ["--config", own], env: { TWO: "t2", THREE: "t3" } })
  const command = (...args: ReadonlyArray<string>) =>
    run([args[0] ?? "", "--data-dir", daemon.dataDir, ...args.slice(1)], home.environment)
  const reload = daemon.admin("/api/relays/reload", {})
  const status = Effect.map(daemon.admin("/api/status"), ({ body }) => decodeStatus(body))
  return { home, relay, other, own, daemon, command, reload, status }
})

const server = (url: string, variable: string) => ({
  type: "http",
  url,
  headers: { Authorization: `Bearer \${${variable}}` }
})

describe("beside a daemon that runs", () => {
  it.live(
    "wrap serves its relays at once, unwrap lets them go; what was queued waits, and everybody else goes on",
    () =>
      Effect.gen(function*() {
        const { command, daemon, home, other, relay, status } = yield* setup
        const before = yield* status
        const bystander = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* bystander.wire.awaitStream
        const underWay = yield* Effect.forkChild(
          Effect.forEach(
            [1, 2, 3, 4],
            () => bystander.call("slow", { millis: 1_500, steps: 3 }),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )

        const text = JSON.stringify({ mcpServers: { two: server(other.url, "TWO") } })
        const file = home.write(text, ".mcp.json")
        const wrapped = yield* command("wrap", "--yes", "--host", new URL(other.url).host, file)
        assert.strictEqual(wrapped.code, 0, wrapped.stderr)
        assert.notMatch(wrapped.stderr, /anew|needs/)
        const client = yield* Clients.sdk(`${daemon.url}/two`, { secret: daemon.secret })
        assert.include(JSON.stringify(yield* client.call("whoami")), "of two")
        for (const result of yield* Fiber.join(underWay)) assert.notStrictEqual(result.isError, true)

        telling(home, "claude")
        const { args } = told((yield* command("exec", "--", "claude")).stdout)
        assert.include(args[0], "\"holdfast\"")
        assert.notInclude(args[0], "two")

        yield* other.kill
        assertQueued(yield* send(client, "later"))
        const unwrapped = yield* command("unwrap", file)
        assert.strictEqual(unwrapped.code, 0, unwrapped.stderr)
        assert.strictEqual(readFileSync(file, "utf8"), text)
        assert.include(unwrapped.stderr, "1 calls for two are not delivered")
        const refused = yield* Effect.promise(() =>
          fetch(`${daemon.url}/two`, { method: "POST", headers: { authorization: `Bearer ${daemon.secret}` } })
        )
        assert.strictEqual(refused.status, 404)
        const after = yield* status
        assert.deepStrictEqual(after.relays.map(({ id }) => String(id)), ["default"])
        assert.strictEqual(after.daemon.pid, before.daemon.pid)
        const names = (fibers: ReadonlyArray<{ readonly name: string }>) => fibers.map(({ name }) => name).sort()
        assert.deepStrictEqual(names(after.fibers), names(before.fibers))

        yield* other.restart()
        assert.strictEqual((yield* command("wrap", "--yes", "--host", new URL(other.url).host, file)).code, 0)
        yield* eventually("the delivery", texts(other), (all) => all.includes("later"))
        assert.include(JSON.stringify(yield* client.call("whoami")), "of two")

        assert.notStrictEqual((yield* send(bystander, "still here")).isError, true)
        assert.deepStrictEqual(yield* texts(relay), ["still here"])
        assert.strictEqual(yield* bystander.wire.initializes, 1)
        assert.strictEqual(yield* bystander.listChanged, 0)
      })
  )

  it.live(
    "a relay that changed is asked anew, a configuration that is wrong changes nothing, and what the daemon lacks is told",
    () =>
      Effect.gen(function*() {
        const { command, daemon, home, other, own, reload } = yield* setup
        const file = home.write(JSON.stringify({ mcpServers: { two: server(other.url, "NOT_THERE") } }), ".mcp.json")
        const wrapped = yield* command("wrap", "--yes", "--host", new URL(other.url).host, file)
        assert.include(wrapped.stderr, "The daemon needs in its environment what the client had: NOT_THERE")

        const written = JSON.parse(readFileSync(own, "utf8"))
        const change = (entry: object) =>
          home.write(
            JSON.stringify({ ...written, relays: { two: { ...written.relays.two, ...entry } } }),
            ".config",
            "holdfast",
            "holdfast.json"
          )
        change({ token: { value: "{env:THREE}" } })
        const changed = yield* reload
        assert.deepStrictEqual(changed, {
          status: 200,
          body: { relays: ["default", "two"], added: [], changed: ["two"], needRestart: [], removed: [], unset: [] }
        })
        const client = yield* Clients.sdk(`${daemon.url}/two`, { secret: daemon.secret })
        assert.include(JSON.stringify(yield* client.call("whoami")), "of three")
        assert.include(JSON.stringify((yield* reload).body), `"added":[],"changed":[],"removed":[]`)

        change({ url: "no URL" })
        const refused = yield* reload
        assert.strictEqual(refused.status, 409)
        assert.match(JSON.stringify(refused.body), /stay as they are.*relays\.two\.url/s)
        assert.include(JSON.stringify(yield* client.call("whoami")), "of three")

        const elsewhere = home.write("{}", "elsewhere.json")
        const second = home.write(JSON.stringify({ mcpServers: { four: { type: "http", url: other.url } } }), "b.json")
        change({})
        assert.include(
          (yield* command("wrap", "--yes", "--host", new URL(other.url).host, second, "--config", elsewhere)).stderr,
          `another configuration: start it anew with --config ${elsewhere}`
        )
      })
  )
})
