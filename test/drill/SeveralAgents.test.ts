import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AgentView } from "../../src/admin/AgentView.ts"
import { TestRelay } from "../relay/TestRelay.ts"
import { Clients } from "../support/Clients.ts"
import { Daemon } from "../support/Daemon.ts"
import { eventually } from "../support/eventually.ts"
import { assertQueued, send } from "./drill.ts"

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

const add = (daemon: Daemon, name: string) =>
  Effect.map(daemon.command("agents", "add", name), (added) => {
    assert.strictEqual(added.code, 0, added.stderr)
    assert.match(added.stdout, /^[A-Za-z0-9_-]{43}\n$/)
    return added.stdout.trim()
  })

const undelivered = (daemon: Daemon, name: string) =>
  daemon.command("agents", "list", "--json").pipe(
    Effect.flatMap(({ stdout }) => Schema.decodeEffect(Schema.fromJsonString(Schema.Array(AgentView)))(stdout)),
    Effect.map((views) => views.find(({ agent }) => agent === name)?.undelivered)
  )

const tokenFiles = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-tokens-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** A relay that knows each agent by a token of its own. */
const relayOfTwo = Effect.gen(function*() {
  const directory = yield* tokenFiles
  const tokens = { t0: { agent: "default" }, t1: { agent: "ada" }, t2: { agent: "ben" } }
  for (const [token, { agent }] of Object.entries(tokens)) writeFileSync(join(directory, agent), token)
  const relay = yield* TestRelay.start({ tokens })
  const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_TOKEN_FILE: join(directory, "{agent}") } })
  return { relay, daemon }
})

const said = (relay: TestRelay) =>
  Effect.map(relay.ledger, (entries) => entries.map((entry) => `${entry.agent}: ${String(entry.arguments["text"])}`))

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
    }), 60_000)

  it.live("never use another's session, whether it is loaded or only on disk", () =>
    Effect.gen(function*() {
      const { daemon } = yield* relayOfTwo
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
    }), 60_000)

  it.live("have a context and a menu of their own", () =>
    Effect.gen(function*() {
      const { daemon } = yield* relayOfTwo
      const ada = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ada") })
      const ben = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ben") })
      yield* ada.wire.awaitStream
      yield* ben.wire.awaitStream
      const [before, others] = [yield* ada.toolNames, yield* ben.toolNames]
      yield* daemon.command("context", "send", "Attach", "--path", "/w", "--branch", "b", "--agent", "ada")
      yield* ada.awaitListChanged(1)
      assert.strictEqual((yield* ada.toolNames).length, before.length + 7)
      assert.deepStrictEqual(yield* ben.toolNames, others)
      assert.strictEqual(yield* ben.listChanged, 0)
    }), 60_000)

  it.live(
    "may use the same idempotency key: neither is answered with what the other did",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* relayOfTwo
        const ada = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ada") })
        const ben = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ben") })
        const call = { to: "x", text: "hello", idempotencyKey: "k" }
        const first = yield* ada.call("relay_send_message", call)
        const second = yield* ben.call("relay_send_message", call)
        assert.notDeepEqual(first.structuredContent, second.structuredContent)
        assert.deepStrictEqual(yield* said(relay), ["ada: hello", "ben: hello"])
      }),
    60_000
  )

  it.live(
    "one that is removed loses its sessions at once; what it queued is delivered as its own, then its name is free",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* relayOfTwo
        const secret = yield* add(daemon, "ada")
        const ada = yield* Clients.sdk(daemon.url, { secret })
        yield* relay.kill
        assertQueued(yield* send(ada, "queued"))

        const removed = yield* daemon.command("agents", "remove", "ada")
        assert.include(removed.stdout, "1 queued calls stay")
        assert.strictEqual((yield* post(daemon.url, secret, initialize(1))).status, 401)
        const taken = yield* daemon.command("agents", "add", "ada")
        assert.strictEqual(taken.code, 1)
        assert.include(taken.stderr, "its queue is not empty")

        yield* daemon.restart()
        assert.strictEqual((yield* daemon.command("agents", "add", "ada")).code, 1)
        assert.strictEqual(yield* undelivered(daemon, "ada"), 1)
        yield* relay.restart()
        yield* eventually("the delivery", said(relay), (all) => all.length > 0)
        assert.deepStrictEqual(yield* said(relay), ["ada: queued"])

        yield* eventually("the name is free", undelivered(daemon, "ada"), (count) => count === undefined)
        const renewed = yield* add(daemon, "ada")
        assert.strictEqual((yield* post(daemon.url, secret, initialize(1))).status, 401)
        const again = yield* Clients.sdk(daemon.url, { secret: renewed })
        yield* send(again, "another ada")
        assert.deepStrictEqual(yield* said(relay), ["ada: queued", "ada: another ada"])
      }),
    60_000
  )

  it.live("a removed one's name is free once its queue is discarded", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* relayOfTwo
      const ada = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ada") })
      yield* relay.kill
      assertQueued(yield* send(ada, "never mind"))
      yield* daemon.command("agents", "remove", "ada")
      const discarded = yield* daemon.command("outbox", "discard", "--all", "--agent", "ada")
      assert.strictEqual(discarded.code, 0, discarded.stderr)
      yield* add(daemon, "ada")
    }), 60_000)
})
