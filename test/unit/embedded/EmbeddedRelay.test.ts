import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Redacted } from "effect"
import { AgentName } from "../../../src/domain/Ids.ts"
import { EmbeddedRelay } from "../../../src/embedded/EmbeddedRelay.ts"
import { MessageBounds } from "../../../src/embedded/MessageRoom.ts"
import { Clients, officialClients } from "../../support/Clients.ts"

const alice = AgentName.make("alice")
const bob = AgentName.make("bob.2")

const temporary = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/relay`
}).pipe(Effect.provide(NodeFileSystem.layer))

const relayIn = Effect.fnUntraced(function*(directory: string, port = 0) {
  const relay = yield* EmbeddedRelay.pipe(Effect.provide(yield* Layer.build(EmbeddedRelay.layer({ port, directory }))))
  return { ...relay, secret: (agent: AgentName) => Redacted.value(relay.tokenFor(agent)) }
})

describe.each([...officialClients, {
  client: "client 2.4, modern",
  connect: (url: string, options: { readonly secret?: string }) => Clients.client(url, { ...options, modern: true })
}])("the embedded relay, by $client", ({ connect }) => {
  it.effect("carries messages and replies between two agents", () =>
    Effect.gen(function*() {
      const relay = yield* relayIn(yield* temporary)
      const a = yield* connect(relay.url, { secret: relay.secret(alice) })
      const b = yield* connect(relay.url, { secret: relay.secret(bob) })
      yield* a.call("relay_send_message", { to: bob, text: "hello" })
      const read = yield* b.call("relay_inbox")
      assert.deepInclude(read.structuredContent, { more: false })
      assert.include(JSON.stringify(read.structuredContent), `"id":"1","from":"alice","text":"hello"`)
      yield* b.call("relay_reply", { messageId: "1", text: "hello yourself" })
      const reply = yield* a.call("relay_inbox", {})
      assert.include(JSON.stringify(reply.structuredContent), `"from":"bob.2","text":"hello yourself","replyTo":"1"`)
      assert.deepInclude((yield* b.call("relay_inbox", { after: "1" })).structuredContent, { messages: [] })
      const refused = yield* b.call("relay_reply", { messageId: "77", text: "?" })
      assert.isTrue(refused.isError)
      assert.include(JSON.stringify(refused.content), "there is no message 77 of yours")
    }))

  it.effect("declares the key, marks what only reads, and takes one write per key", () =>
    Effect.gen(function*() {
      const relay = yield* relayIn(yield* temporary)
      const client = yield* connect(relay.url, { secret: relay.secret(alice) })
      const tools = new Map((yield* client.tools).map((tool) => [tool.name, tool]))
      assert.strictEqual(tools.size, 11)
      assert.isTrue(tools.get("relay_inbox")?.annotations?.readOnlyHint)
      assert.isFalse(tools.get("relay_send_message")?.annotations?.readOnlyHint)
      for (const name of ["relay_send_message", "relay_reply", "relay_workspace_ready"]) {
        assert.property(tools.get(name)?.inputSchema.properties, "idempotencyKey")
      }
      const call = { to: "alice", text: "once", idempotencyKey: "k" }
      const first = yield* client.call("relay_send_message", call)
      assert.deepStrictEqual(
        (yield* client.call("relay_send_message", call)).structuredContent,
        first.structuredContent
      )
      const other = yield* client.call("relay_send_message", { ...call, text: "twice" })
      assert.isTrue(other.isError)
      const inbox = JSON.stringify((yield* client.call("relay_inbox")).structuredContent)
      assert.strictEqual(inbox.split("\"once\"").length, 2)
    }))

  it.effect("keeps messages, keys and tokens over a restart on the same port", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const call = { to: "alice", text: "kept", idempotencyKey: "k" }
      const { port, secret } = yield* Effect.scoped(Effect.gen(function*() {
        const relay = yield* relayIn(directory)
        const client = yield* connect(relay.url, { secret: relay.secret(alice) })
        yield* client.call("relay_send_message", call)
        return { port: Number(new URL(relay.url).port), secret: relay.secret(alice) }
      }))
      const relay = yield* relayIn(directory, port)
      const client = yield* connect(relay.url, { secret })
      yield* client.call("relay_send_message", call)
      const inbox = JSON.stringify((yield* client.call("relay_inbox")).structuredContent)
      assert.strictEqual(inbox.split("\"kept\"").length, 2)
    }))
})

describe("the embedded relay", () => {
  it.effect("speaks the modern era where a client negotiates it", () =>
    Effect.gen(function*() {
      const relay = yield* relayIn(yield* temporary)
      const client = yield* Clients.client(relay.url, { secret: relay.secret(alice), modern: true })
      yield* client.call("relay_inbox")
      assert.strictEqual(yield* client.wire.initializes, 0)
    }))

  it.effect.each([undefined, "alice", "alice.AAAA", "bob.", ".", "eve.\u0000"])(
    "answers 401 to the token %j",
    (secret) =>
      Effect.gen(function*() {
        const relay = yield* relayIn(yield* temporary)
        const good = relay.secret(alice)
        const tokens = secret === undefined ? [undefined, good.replace("alice", "bob"), `${good}AAAA`] : [secret]
        for (const token of tokens) {
          const response = yield* Effect.promise(() =>
            fetch(relay.url, {
              method: "POST",
              headers: {
                "content-type": "application/json",
                accept: "application/json, text/event-stream",
                ...(token === undefined ? {} : { authorization: `Bearer ${encodeURI(token)}` })
              },
              body: "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
            })
          )
          assert.strictEqual(response.status, 401)
          const body: unknown = yield* Effect.promise(() => response.json())
          assert.nestedProperty(body, "error.message")
        }
      })
  )

  it.effect("lets one agent at a time hold a path, and follows each workspace", () =>
    Effect.gen(function*() {
      const relay = yield* relayIn(yield* temporary)
      const a = yield* Clients.sdk(relay.url, { secret: relay.secret(alice) })
      const b = yield* Clients.client(relay.url, { secret: relay.secret(bob) })
      yield* a.call("relay_workspace_claim", { path: "src" })
      const refused = yield* b.call("relay_workspace_claim", { path: "src" })
      assert.include(JSON.stringify(refused.content), "src is claimed by alice")
      assert.deepStrictEqual((yield* b.call("relay_workspace_deps")).structuredContent, {
        held: [{ path: "src", heldBy: "alice" }]
      })
      yield* a.call("relay_workspace_ready", { summary: "done", idempotencyKey: "r" })
      assert.deepStrictEqual((yield* a.call("relay_workspace_status")).structuredContent, {
        agent: "alice",
        phase: "ready",
        summary: "done",
        claims: ["src"]
      })
      yield* a.call("relay_workspace_land")
      yield* b.call("relay_workspace_claim", { path: "src" })
      yield* b.call("relay_workspace_release")
      const listed = yield* b.call("relay_workspace_list")
      assert.deepStrictEqual(listed.structuredContent, {
        workspaces: [
          { agent: "alice", phase: "landed", summary: "done", claims: [] },
          { agent: "bob.2", phase: "released", summary: null, claims: [] }
        ]
      })
    }))

  it.effect("takes so many messages of an agent, says clearly that they are, and makes room of what was read", () =>
    Effect.gen(function*() {
      const few = { message: 1000, agent: { count: 4, bytes: 2000 }, all: { count: 6, bytes: 10_000 } }
      const relay = yield* Effect.provideService(relayIn(yield* temporary), MessageBounds, few)
      const a = yield* Clients.sdk(relay.url, { secret: relay.secret(alice) })
      const b = yield* Clients.sdk(relay.url, { secret: relay.secret(bob) })
      const send = (text: string, idempotencyKey?: string) =>
        Effect.map(
          a.call("relay_send_message", { to: bob, text, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }),
          (result) => ({ refused: result.isError === true, said: JSON.stringify(result.content) })
        )
      for (const text of ["1", "2", "3", "4"]) assert.isFalse((yield* send(text)).refused)
      const fifth = yield* send("5", "five")
      assert.isTrue(fifth.refused)
      assert.include(fifth.said, "your messages wait to be read, and no more than 4 messages or 1 MiB may")
      // Another one's share is another one's.
      assert.isNotTrue((yield* b.call("relay_send_message", { to: alice, text: "mine" })).isError)
      yield* b.call("relay_inbox", { after: "2" })
      assert.isFalse((yield* send("5", "five")).refused)
      const read = JSON.stringify((yield* b.call("relay_inbox")).structuredContent)
      for (const text of ["3", "4", "5"]) assert.include(read, `"text":"${text}"`)
      assert.notInclude(read, "\"text\":\"1\"")
      const tooLong = yield* send("x".repeat(1001))
      assert.isTrue(tooLong.refused)
      assert.include(tooLong.said, "at most 1 MiB")
      yield* b.call("relay_inbox", { after: "6" })
      assert.isFalse((yield* send("y".repeat(900))).refused)
      assert.isFalse((yield* send("y".repeat(900))).refused)
      assert.include((yield* send("y".repeat(900))).said, "wait to be read")
    }))

  it.effect("takes no key that is longer than 256 characters", () =>
    Effect.gen(function*() {
      const relay = yield* relayIn(yield* temporary)
      const a = yield* Clients.sdk(relay.url, { secret: relay.secret(alice) })
      const long = yield* a.call("relay_send_message", { to: bob, text: "x", idempotencyKey: "k".repeat(257) })
      assert.isTrue(long.isError)
      assert.include(JSON.stringify(long.content), "at most 256 characters")
    }))

  it.effect("takes so many messages of all agents", () =>
    Effect.gen(function*() {
      const few = { message: 1000, agent: { count: 4, bytes: 2000 }, all: { count: 6, bytes: 10_000 } }
      const relay = yield* Effect.provideService(relayIn(yield* temporary), MessageBounds, few)
      const a = yield* Clients.sdk(relay.url, { secret: relay.secret(alice) })
      const b = yield* Clients.sdk(relay.url, { secret: relay.secret(bob) })
      for (const text of ["1", "2", "3"]) {
        yield* a.call("relay_send_message", { to: bob, text })
        yield* b.call("relay_send_message", { to: alice, text })
      }
      const refused = yield* a.call("relay_send_message", { to: bob, text: "4" })
      assert.isTrue(refused.isError)
      assert.include(JSON.stringify(refused.content), "messages of all agents wait to be read")
      yield* a.call("relay_inbox", { after: "2" })
      assert.isNotTrue((yield* a.call("relay_send_message", { to: bob, text: "4" })).isError)
    }))

  it.effect("names the port that is taken, and the way out", () =>
    Effect.gen(function*() {
      const relay = yield* relayIn(yield* temporary)
      const port = Number(new URL(relay.url).port)
      const error = yield* Effect.flip(relayIn(yield* temporary, port))
      assert.include(error.message, `127.0.0.1:${port}`)
      assert.include(error.message, "another port")
    }))
})
