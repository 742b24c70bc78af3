import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AgentView, NewAgent } from "../../../src/admin/AgentView.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertQueued, send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const initialize = (id: number) => ({
  jsonrpc: "2.0",
  id,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } }
})

const post = (url: string, secret: string, body: unknown, session?: string) =>
  Effect.promise(() =>
    fetch(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${secret}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(session === undefined ? {} : { "mcp-session-id": session })
      },
      body: JSON.stringify(body)
    })
  )

const add = (daemon: Daemon, agent: string) =>
  Effect.map(daemon.admin("/api/agents", { agent }), ({ body, status }) => {
    assert.strictEqual(status, 200, JSON.stringify(body))
    return Schema.decodeUnknownSync(NewAgent)(body).secret
  })

const undelivered = (daemon: Daemon, name: string) =>
  daemon.admin("/api/agents").pipe(
    Effect.map(({ body }) => Schema.decodeUnknownSync(Schema.Array(AgentView))(body)),
    Effect.map((views) => views.find(({ agent }) => agent === name)?.undelivered)
  )

const tokenFiles = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-tokens-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Each sentence has its own. */
const names = ["default", "ada", "ben", "cyd", "dan", "eve", "fay", "gus", "ida"]

/** A relay that knows each agent by a token of its own. */
class Town
  extends Context.Service<Town, { readonly relay: TestRelay; readonly daemon: Daemon }>()("holdfast/test/Town")
{
  static readonly layer = Layer.effect(
    Town,
    Effect.gen(function*() {
      const directory = yield* tokenFiles
      for (const agent of names) writeFileSync(join(directory, agent), `token-of-${agent}`)
      const relay = yield* TestRelay.start({
        tokens: Object.fromEntries(names.map((agent) => [`token-of-${agent}`, { agent }]))
      })
      const env = { HOLDFAST_TOKEN_FILE: join(directory, "{agent}") }
      return { relay, daemon: yield* Daemon.start({ relayUrl: relay.url, env }) }
    })
  )
}

const said = (relay: TestRelay, ...agents: ReadonlyArray<string>) =>
  Effect.map(
    relay.ledger,
    (entries) =>
      entries.filter(({ agent }) => agents.includes(agent)).map(({ agent, arguments: { text } }) => `${agent}: ${text}`)
  )

layer(Town.layer, { excludeTestServices: true, timeout: "60 seconds" })("several agents on one daemon", (it) => {
  it.effect("never use another's session, whether it is loaded or only on disk", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Town
      const [ada, ben] = [yield* add(daemon, "ada"), yield* add(daemon, "ben")]
      const opened = yield* post(daemon.url, ada, initialize(1))
      const session = opened.headers.get("mcp-session-id") ?? ""
      const list = { jsonrpc: "2.0", id: 2, method: "tools/list" }
      for (const restarted of [false, true]) {
        if (restarted) yield* daemon.restart()
        assert.strictEqual((yield* post(daemon.url, ben, list, session)).status, 404)
        const ended = yield* Effect.promise(() =>
          fetch(daemon.url, {
            method: "DELETE",
            headers: { authorization: `Bearer ${ben}`, "mcp-session-id": session }
          })
        )
        assert.strictEqual(ended.status, 404)
        const stream = yield* Effect.promise(() =>
          fetch(daemon.url, {
            headers: { authorization: `Bearer ${ben}`, "mcp-session-id": session, accept: "text/event-stream" }
          })
        )
        assert.strictEqual(stream.status, 404)
      }
      assert.strictEqual((yield* post(daemon.url, ada, list, session)).status, 200)
    }))

  it.effect("have a context and a menu of their own", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Town
      const cyd = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "cyd") })
      const dan = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "dan") })
      yield* cyd.wire.awaitStream
      yield* dan.wire.awaitStream
      const [before, others] = [yield* cyd.toolNames, yield* dan.toolNames]
      yield* daemon.admin("/api/context", { agent: "cyd", event: "Attach", path: "/tmp", branch: "b" })
      yield* cyd.awaitListChanged(1)
      assert.strictEqual((yield* cyd.toolNames).length, before.length + 7)
      assert.deepStrictEqual(yield* dan.toolNames, others)
      assert.strictEqual(yield* dan.listChanged, 0)
    }))

  it.effect(
    "may use the same idempotency key: neither is answered with what the other did",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Town
        const eve = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "eve") })
        const fay = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "fay") })
        const call = { to: "x", text: "hello", idempotencyKey: "k" }
        const first = yield* eve.call("relay_send_message", call)
        const second = yield* fay.call("relay_send_message", call)
        assert.notDeepEqual(first.structuredContent, second.structuredContent)
        assert.deepStrictEqual(yield* said(relay, "eve", "fay"), ["eve: hello", "fay: hello"])
      })
  )

  it.effect(
    "one that is removed loses its sessions at once; what it queued is delivered as its own, then its name is free",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Town
        const secret = yield* add(daemon, "gus")
        const gus = yield* Clients.sdk(daemon.url, { secret })
        yield* relay.kill
        assertQueued(yield* send(gus, "queued"))

        const removed = yield* daemon.command("agents", "remove", "gus")
        assert.include(removed.stdout, "1 queued calls stay")
        assert.strictEqual((yield* post(daemon.url, secret, initialize(1))).status, 401)
        const taken = yield* daemon.command("agents", "add", "gus")
        assert.strictEqual(taken.code, 1)
        assert.include(taken.stderr, "its queue is not empty")

        yield* daemon.restart()
        assert.strictEqual((yield* daemon.admin("/api/agents", { agent: "gus" })).status, 409)
        assert.strictEqual(yield* undelivered(daemon, "gus"), 1)
        yield* relay.restart()
        yield* eventually("the delivery", said(relay, "gus"), (all) => all.length > 0)
        assert.deepStrictEqual(yield* said(relay, "gus"), ["gus: queued"])

        yield* eventually("the name is free", undelivered(daemon, "gus"), (count) => count === undefined)
        const renewed = yield* add(daemon, "gus")
        assert.strictEqual((yield* post(daemon.url, secret, initialize(1))).status, 401)
        const again = yield* Clients.sdk(daemon.url, { secret: renewed })
        yield* send(again, "another gus")
        assert.deepStrictEqual(yield* said(relay, "gus"), ["gus: queued", "gus: another gus"])
      })
  )

  it.effect("a removed one's name is free once its queue is discarded", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Town
      const ida = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ida") })
      yield* relay.kill
      assertQueued(yield* send(ida, "never mind"))
      yield* daemon.command("agents", "remove", "ida")
      const discarded = yield* daemon.command("outbox", "discard", "--all", "--yes", "--agent", "ida")
      assert.strictEqual(discarded.code, 0, discarded.stderr)
      const added = yield* daemon.command("agents", "add", "ida")
      assert.strictEqual(added.code, 0, added.stderr)
      assert.match(added.stdout, /^[A-Za-z0-9_-]{43}\n$/)
    }))
})

describe("several agents on one daemon", () => {
  it.live("speak to the embedded relay as themselves, each with a token of its own", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ args: ["--embedded"] })
      const ada = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ada") })
      const ben = yield* Clients.client(daemon.url, { secret: yield* add(daemon, "ben") })
      yield* ada.call("relay_send_message", { to: "ben", text: "from ada" })
      assert.match(JSON.stringify(yield* ben.call("relay_inbox")), /"from":"ada".*from ada/)
      assert.notInclude(JSON.stringify(yield* ada.call("relay_inbox")), "from ada")

      yield* daemon.restart()
      assert.include(JSON.stringify(yield* ben.call("relay_inbox")), "from ada")
    }))
})
