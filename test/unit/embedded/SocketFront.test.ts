import { RelayClient } from "@agent-relay/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { AgentName } from "../../../src/domain/Ids.ts"
import { EmbeddedRelay } from "../../../src/embedded/EmbeddedRelay.ts"
import { encode } from "../../../src/relay/socket/Frames.ts"
import { Clients } from "../../support/Clients.ts"
import { eventually } from "../../support/eventually.ts"
import { greeted, hello, peer } from "../../support/relay/SocketPeer.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const front = Effect.fnUntraced(function*(directory?: string) {
  const place = directory ?? `${yield* temporaryDirectory}/relay`
  const built = yield* Layer.build(EmbeddedRelay.layer({ port: 0, directory: place, socket: true }))
  const relay = yield* Effect.provide(EmbeddedRelay, built)
  return { ...relay, directory: place, path: Option.getOrThrow(relay.socket) }
})

/** The real sdk, connected; what it was delivered in `got`. */
const sdk = Effect.fnUntraced(function*(socketPath: string, agentName: string) {
  const client = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new RelayClient({ socketPath, agentName, quiet: true, reconnect: false })
      await client.connect()
      return client
    }),
    (client) => Effect.sync(() => client.destroy())
  )
  const got: Array<{ readonly from: string; readonly body: string; readonly id: string }> = []
  client.onMessage = (from, { body }, id) => void got.push({ from, body, id })
  return { client, got }
})

const send = (to: string, body: string, id: string) =>
  [
    "SEND",
    { kind: "message", body },
    { to, id, payload_meta: { sync: { correlationId: `c-${id}`, blocking: true } } }
  ] as const

describe("the embedded relay on its socket", () => {
  it.live("carries messages, requests and questions of the real sdk", () =>
    Effect.gen(function*() {
      const { path } = yield* front()
      const alice = yield* sdk(path, "alice")
      const bob = yield* sdk(path, "bob")
      const ack = yield* Effect.promise(() => alice.client.sendAndWait("bob", "hello", { data: { n: 1 } }))
      assert.deepInclude(ack, { response: "ACCEPTED" })
      alice.client.broadcast("to all")
      yield* eventually("both", Effect.sync(() => bob.got.length), (count) => count === 2)
      assert.deepStrictEqual(bob.got.map(({ body, from }) => [from, body]), [["alice", "hello"], ["alice", "to all"]])
      bob.client.onMessage = (from, { data }) => {
        if (typeof data?._correlationId === "string") bob.client.respond(data._correlationId, from, "pong")
      }
      assert.strictEqual((yield* Effect.promise(() => alice.client.request("bob", "ping"))).body, "pong")
      const status = yield* Effect.promise(() => alice.client.getStatus())
      assert.strictEqual(status.agentCount, 2)
      const agents = yield* Effect.promise(() => alice.client.listAgents())
      assert.deepStrictEqual(agents.map(({ idle, name }) => [name, idle]), [["alice", false], ["bob", false]])
      const inbox = yield* Effect.promise(() => bob.client.getInbox())
      assert.deepStrictEqual(inbox.map(({ body }) => body), ["hello", "to all", "ping"])
      const spawned = yield* Effect.promise(() => alice.client.spawn({ name: "w", cli: "claude", task: "t" }))
      assert.isFalse(spawned.success)
    }))

  it.live("is the same relay as over MCP: messages go both ways", () =>
    Effect.gen(function*() {
      const relay = yield* front()
      const bob = yield* sdk(relay.path, "bob")
      const alice = yield* Clients.sdk(relay.url, {
        secret: Redacted.value(relay.tokenFor(AgentName.make("alice")))
      })
      yield* alice.call("relay_send_message", { to: "bob", text: "over MCP" })
      yield* eventually("the delivery", Effect.sync(() => bob.got.length), (count) => count === 1)
      yield* Effect.promise(() => bob.client.sendAndWait("alice", "over the socket"))
      const inbox = yield* alice.call("relay_inbox")
      assert.include(JSON.stringify(inbox.structuredContent), `"from":"bob","text":"over the socket"`)
      assert.strictEqual(statSync(relay.path).mode & 0o777, 0o600)
    }))

  it.live("takes one message for each id of an agent, and refuses the id for another message", () =>
    Effect.gen(function*() {
      const { path } = yield* front()
      const { client } = yield* greeted(path, "alice")
      const bob = yield* greeted(path, "bob")
      client.send(...send("bob", "once", "k"))
      client.send(...send("bob", "once", "k"))
      client.send(...send("bob", "other", "k"))
      const nack = yield* client.first("NACK")
      assert.deepInclude(nack.payload, { ack_id: "k", code: "INVALID" })
      const acks = client.all("ACK")
      assert.deepStrictEqual(acks.map(({ payload }) => payload.responseData), [{ messageId: "1" }, { messageId: "1" }])
      yield* bob.client.first("DELIVER")
      client.send("SEND", { body: "x" })
      client.send(...send("Dashboard", "x", "f"))
      yield* client.first(({ payload }) => payload.code === "FORBIDDEN")
      assert.lengthOf(bob.client.all("DELIVER"), 1)
    }))

  it.live("numbers what it delivers for each sender and topic, and holds back what is not acknowledged", () =>
    Effect.gen(function*() {
      const { path } = yield* front()
      const { client } = yield* greeted(path, "alice")
      const eve = yield* greeted(path, "eve")
      const bob = yield* peer(path)
      bob.send("HELLO", hello("bob", { capabilities: { ack: true, max_inflight: 3 } }))
      yield* bob.first("WELCOME")
      for (const n of [1, 2]) client.send(...send("bob", `a${n}`, `a${n}`))
      yield* client.first(({ payload }) => payload.ack_id === "a2")
      client.send("SEND", { body: "t1" }, { to: "bob", topic: "t", id: "t1" })
      eve.client.send(...send("bob", "e1", "e1"))
      yield* eve.client.first("ACK")
      yield* eventually("three", Effect.sync(() => bob.all("DELIVER").length), (count) => count === 3)
      const [first] = bob.all("DELIVER")
      bob.send("ACK", { ack_id: first?.id, seq: 1 })
      yield* eventually("the fourth", Effect.sync(() => bob.all("DELIVER").length), (count) => count === 4)
      assert.deepStrictEqual(
        bob.all("DELIVER").map(({ delivery, from, payload }) => [from, payload.body, delivery?.seq]),
        [["alice", "a1", 1], ["alice", "a2", 2], ["alice", "t1", 1], ["eve", "e1", 1]]
      )
    }))

  it.live("resumes a session over its own restart: the same numbers, nothing lost, each token once", () =>
    Effect.gen(function*() {
      const directory = `${yield* temporaryDirectory}/relay`
      const before = yield* Effect.scoped(Effect.gen(function*() {
        const { path } = yield* front(directory)
        const alice = yield* greeted(path, "alice")
        const bob = yield* greeted(path, "bob", { acknowledges: false })
        for (const n of [1, 2, 3]) alice.client.send(...send("bob", `m${n}`, `m${n}`))
        yield* eventually("all", Effect.sync(() => bob.client.all("DELIVER").length), (count) => count === 3)
        const [first] = bob.client.all("DELIVER")
        bob.client.send("ACK", { ack_id: first?.id, seq: 1 })
        bob.client.send("STATUS")
        yield* bob.client.first("STATUS_RESPONSE")
        return bob
      }))
      const { path } = yield* front(directory)
      const bob = yield* greeted(path, "bob", { resumeToken: before.resumeToken })
      assert.strictEqual(bob.session, before.session)
      const alice = yield* greeted(path, "alice")
      alice.client.send(...send("bob", "m4", "m4"))
      yield* eventually("the rest", Effect.sync(() => bob.client.all("DELIVER").length), (count) => count === 3)
      assert.deepStrictEqual(
        bob.client.all("DELIVER").map(({ delivery, payload }) => [payload.body, delivery?.seq]),
        [["m2", 2], ["m3", 3], ["m4", 4]]
      )
      const again = yield* greeted(path, "bob", { resumeToken: before.resumeToken })
      assert.notStrictEqual(again.session, before.session)
      assert.strictEqual(again.client.received[0]?.payload.code, "RESUME_TOO_OLD")
      yield* bob.client.first(({ payload }) => payload.code === "DUPLICATE_CONNECTION")
      yield* Effect.promise(() => bob.client.ended)
      // No other agent's token is good for anything.
      const stolen = yield* greeted(path, "eve", { resumeToken: again.resumeToken })
      assert.strictEqual(stolen.client.received[0]?.payload.code, "RESUME_TOO_OLD")
    }))

  it.live("says again what RESUME asks for, and STALE where it no longer can", () =>
    Effect.gen(function*() {
      const { path } = yield* front()
      const alice = yield* greeted(path, "alice")
      const bob = yield* greeted(path, "bob", { acknowledges: false })
      for (const n of [1, 2, 3]) alice.client.send(...send("bob", `m${n}`, `m${n}`))
      yield* eventually("all", Effect.sync(() => bob.client.all("DELIVER").length), (count) => count === 3)
      const resume = (last_seq: number, session_id = bob.session) =>
        bob.client.send("RESUME", { session_id, agent: "bob", streams: { default: { last_seq } } })
      const id = resume(1)
      const sync = yield* bob.client.first(({ id: answered, type }) => type === "SYNC" && answered === id)
      assert.deepStrictEqual(
        sync.payload.streams.map(({ last_seq, peer, server_last_seq }: Record<string, unknown>) => [
          peer,
          last_seq,
          server_last_seq
        ]),
        [["alice", 1, 3]]
      )
      yield* eventually("two again", Effect.sync(() => bob.client.all("DELIVER").length), (count) => count === 5)
      for (const stale of [resume(9), resume(0, "another")]) {
        const nack = yield* bob.client.first(({ payload }) => payload.ack_id === stale)
        assert.strictEqual(nack.payload.code, "STALE")
      }
      bob.client.send("ACK", { ack_id: bob.client.all("DELIVER")[1]?.id, seq: 2, cumulative_seq: 2 })
      const gone = resume(0)
      assert.strictEqual((yield* bob.client.first(({ payload }) => payload.ack_id === gone)).payload.code, "STALE")
    }))

  it.live("asks to slow down who does not read its answers, keeps what it took, and reads no further than it may hold", () =>
    Effect.gen(function*() {
      const { path } = yield* front()
      const { client } = yield* greeted(path, "alice")
      client.socket.pause()
      const filler = "f".repeat(500)
      const count = 6_000
      for (let n = 0; n < count; n++) client.send("STATUS", { filler })
      for (let n = 0; n < 50; n++) client.send(...send("bob", `m${n}`, `m${n}`))
      // The relay reads no further: the rest stays with who wrote it, and so what the relay holds does not grow.
      let before = 0
      yield* eventually(
        "the relay to stop reading",
        Effect.sleep("300 millis").pipe(Effect.map(() => {
          const written = client.socket.bytesWritten - client.socket.writableLength
          const stands = written === before
          before = written
          return stands && client.socket.writableLength > 500_000
        })),
        (stands) => stands
      )
      client.socket.resume()
      const isAbout =
        (n: number) => ({ payload, type }: { readonly type: string; readonly payload: { ack_id?: string } }) =>
          (type === "ACK" || type === "NACK") && payload.ack_id === `m${n}`
      yield* client.first(isAbout(49))
      assert.lengthOf(client.all("STATUS_RESPONSE"), count)
      const accepted = client.all("ACK").length
      const refused = client.all("NACK")
      assert.strictEqual(accepted + refused.length, 50)
      assert.isTrue(refused.every(({ payload }) => payload.code === "BUSY"))
      assert.lengthOf(client.all("BUSY"), refused.length)
      const bob = yield* greeted(path, "bob")
      yield* eventually(
        "what was taken",
        Effect.sync(() => bob.client.all("DELIVER").length),
        (got) => got === accepted
      )
    }))

  it.live.each([
    { what: "an empty frame", bytes: Buffer.alloc(4), words: /empty/ },
    { what: "a frame of 4 GiB", bytes: Buffer.alloc(4, 255), words: /larger/ },
    { what: "another version", bytes: encode({ v: 2, type: "HELLO", id: "1", ts: 1, payload: {} }), words: /version/ },
    { what: "no type", bytes: encode({ v: 1, id: "1", ts: 1, payload: {} }), words: /malformed/ },
    { what: "a list", bytes: Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from("[]")]), words: /not a JSON object/ }
  ])("ends the connection at $what, with BAD_REQUEST, and nobody else's", ({ bytes, words }) =>
    Effect.gen(function*() {
      const { path } = yield* front()
      const other = yield* greeted(path, "alice")
      const client = yield* peer(path)
      client.socket.write(bytes ?? Buffer.alloc(0))
      const { payload } = yield* client.first("ERROR")
      assert.deepInclude(payload, { code: "BAD_REQUEST", fatal: true })
      assert.match(payload.message, words)
      yield* Effect.promise(() => client.ended)
      other.client.send("STATUS")
      yield* other.client.first("STATUS_RESPONSE")
    }))

  it.live("takes the place of the socket of a relay that was killed, and of nothing else", () =>
    Effect.gen(function*() {
      const directory = `${yield* temporaryDirectory}/relay`
      const first = yield* Effect.scoped(front(directory))
      const left = createServer()
      yield* Effect.promise(() => new Promise<void>((done) => void left.listen(`${first.path}.old`, done)))
      yield* Effect.promise(() =>
        import("node:fs/promises").then(({ rename }) => rename(`${first.path}.old`, first.path))
      )
      const taken = yield* Effect.flip(Effect.scoped(front(directory)))
      assert.match(taken.message, /another relay listens there/)
      left.close()
      yield* Effect.promise(() => import("node:fs/promises").then(({ rm }) => rm(first.path, { force: true })))
      writeFileSync(first.path, "")
      assert.match((yield* Effect.flip(Effect.scoped(front(directory)))).message, /another file of that name/)
    }))
})
