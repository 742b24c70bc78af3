/** What agents may leave at the embedded relay, other than messages: each bound, and the way out. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { AgentName } from "../../../src/domain/Ids.ts"
import { MaxAgents } from "../../../src/embedded/AgentRoom.ts"
import { WorkspaceBounds } from "../../../src/embedded/ClaimRoom.ts"
import { EmbeddedRelay } from "../../../src/embedded/EmbeddedRelay.ts"
import { Messages } from "../../../src/embedded/Messages.ts"
import * as RelayDatabase from "../../../src/embedded/RelayDatabase.ts"
import { SocketSessions } from "../../../src/embedded/socket/SocketSessions.ts"
import { Writes } from "../../../src/embedded/Writes.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import type { CallResult } from "../../support/ClientCall.ts"
import { Clients } from "../../support/Clients.ts"
import { greeted, hello, peer } from "../../support/relay/SocketPeer.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const alice = AgentName.make("alice")
const bob = AgentName.make("bob")

const relay = Effect.gen(function*() {
  const directory = `${yield* temporaryDirectory}/relay`
  const built = yield* Layer.build(EmbeddedRelay.layer({ port: 0, directory, socket: true }))
  const { socket, tokenFor, url } = yield* Effect.provide(EmbeddedRelay, built)
  return {
    socket: Option.getOrThrow(socket),
    as: (agent: AgentName) => Clients.sdk(url, { secret: Redacted.value(tokenFor(agent)) })
  }
})

/** The relay's tables alone. */
const tables = Effect.gen(function*() {
  const database = Layer.provide(RelayDatabase.layer, DataDirectory.layerAt(yield* temporaryDirectory))
  const services = Layer.mergeAll(Messages.layerNoDeps, SocketSessions.layerNoDeps, Writes.layerNoDeps)
  return yield* Layer.build(Layer.provideMerge(services, database))
})

const said = ({ content, isError }: CallResult) => isError === true ? JSON.stringify(content) : "taken"

describe("at the embedded relay", () => {
  it.effect("an agent's claims, their paths and its summary have a bound, and a release makes room", () =>
    Effect.gen(function*() {
      const few = { path: 20, summary: 10, agent: { count: 3, bytes: 1024 }, all: { count: 5, bytes: 1024 } }
      const { as } = yield* Effect.provideService(relay, WorkspaceBounds, few)
      const a = yield* as(alice)
      const b = yield* as(bob)
      const claim = (client: typeof a, path: string) => Effect.map(client.call("relay_workspace_claim", { path }), said)
      for (const path of ["1", "2", "3"]) assert.strictEqual(yield* claim(a, path), "taken")
      assert.include(yield* claim(a, "4"), "you may claim 3 paths or 1 KiB of them")
      assert.include(yield* claim(a, "4"), "relay_workspace_release")
      // What it claims already it may claim again.
      assert.strictEqual(yield* claim(a, "3"), "taken")
      for (const path of ["4", "5"]) assert.strictEqual(yield* claim(b, path), "taken")
      assert.include(yield* claim(b, "6"), "all agents may claim 5 paths")
      assert.include(yield* claim(b, "x".repeat(21)), "at most 20 bytes")
      const summary = yield* a.call("relay_workspace_ready", { summary: "é".repeat(6) })
      assert.include(said(summary), "a summary has at most 10 bytes")
      yield* a.call("relay_workspace_release")
      assert.strictEqual(yield* claim(b, "6"), "taken")
    }))

  it.effect("an agent's claims have a bound in bytes", () =>
    Effect.gen(function*() {
      const { as } = yield* relay
      const a = yield* as(alice)
      for (let index = 0; index < 64; index++) {
        const path = `${index}`.padEnd(1024, "x")
        assert.strictEqual(said(yield* a.call("relay_workspace_claim", { path })), "taken")
      }
      assert.include(said(yield* a.call("relay_workspace_claim", { path: "y" })), "1000 paths or 64 KiB")
    }))

  it.live("agents have a bound: who was seen longest ago makes room, but for who has messages or claims", () =>
    Effect.gen(function*() {
      const { as, socket } = yield* Effect.provideService(relay, MaxAgents, 2)
      const a = yield* as(alice)
      const dave = yield* as(AgentName.make("dave"))
      yield* a.call("relay_send_message", { to: bob, text: "for bob" })
      yield* a.call("relay_workspace_claim", { path: "src" })
      const { client } = yield* greeted(socket, "bob", { acknowledges: false })
      // Alice has a claim, bob a message.
      const refused = yield* peer(socket)
      refused.send("HELLO", hello("carol"))
      const { payload } = yield* refused.first("ERROR")
      assert.include(payload.message, "knows 2 agents and no more")
      assert.isTrue(payload.fatal)
      yield* Effect.promise(() => refused.ended)
      assert.include(said(yield* dave.call("relay_send_message", { to: bob, text: "hi" })), "relay_workspace_release")
      // Reading takes no room.
      assert.strictEqual(said(yield* dave.call("relay_inbox")), "taken")
      const names = Effect.map(
        dave.call("relay_list_agents"),
        ({ structuredContent }) => JSON.stringify(structuredContent).match(/(?<="name":")\w+/g)
      )
      assert.deepStrictEqual(yield* names, ["alice", "bob"])
      yield* a.call("relay_workspace_release")
      assert.strictEqual(said(yield* dave.call("relay_send_message", { to: bob, text: "hi" })), "taken")
      assert.deepStrictEqual(yield* names, ["bob", "dave"])
      assert.strictEqual(client.socket.readyState, "open")
    }))

  it.effect("an agent reads 1 MiB of messages at once, and always one", () =>
    Effect.gen(function*() {
      const { as } = yield* relay
      const a = yield* as(alice)
      const b = yield* as(bob)
      const text = "x".repeat(400 * 1024)
      for (let index = 0; index < 3; index++) yield* a.call("relay_send_message", { to: bob, text })
      yield* a.call("relay_send_message", { to: bob, text: "y".repeat(1024 * 1024 - 3) })
      const Page = Schema.Struct({ messages: Schema.Array(Schema.Struct({ id: Schema.String })), more: Schema.Boolean })
      const read = (after?: string) =>
        Effect.map(b.call("relay_inbox", { ...(after !== undefined && { after }) }), ({ structuredContent }) => {
          const { messages, more } = Schema.decodeUnknownSync(Page)(structuredContent)
          return [messages.map(({ id }) => id).join(), more]
        })
      assert.deepStrictEqual(yield* read(), ["1,2", true])
      assert.deepStrictEqual(yield* read("2"), ["3", true])
      assert.deepStrictEqual(yield* read("3"), ["4", false])
    }))

  it.effect("an agent's outcomes have a bound in bytes: the oldest go, and their keys with them", () =>
    Effect.gen(function*() {
      const context = yield* tables
      const { once } = yield* Effect.provide(Writes, context)
      let done = 0
      const write = (key: number) =>
        once({ agent: alice, tool: "t", key: `${key}`, arguments: {} }, Schema.String, () =>
          Effect.sync(() => {
            done++
            return "x".repeat(1024 * 1024)
          }))
      for (let key = 0; key < 20; key++) yield* write(key)
      yield* write(19)
      assert.strictEqual(done, 20)
      yield* write(0)
      assert.strictEqual(done, 21)
      const sql = yield* Effect.provide(SqlClient.SqlClient, context)
      const [row] = yield* sql<{ readonly bytes: number }>`SELECT sum(octet_length(result)) AS bytes FROM writes`
      assert.isAtMost(row?.bytes ?? 0, 17 * 1024 * 1024)
    }))

  it.effect("a session counts 100 topics of one sender; of more the oldest begins at 1 again", () =>
    Effect.gen(function*() {
      const context = yield* tables
      const messages = yield* Effect.provide(Messages, context)
      const sessions = yield* Effect.provide(SocketSessions, context)
      const { id } = yield* sessions.open(bob, undefined, 0)
      let last = 0
      const deliver = Effect.fnUntraced(function*(topic: string, acknowledge = true) {
        yield* messages.send({ from: alice, to: bob, text: "x", envelope: JSON.stringify({ topic }) }, 0)
        const [delivery] = yield* sessions.next(id, bob, last, 1)
        last = delivery?.message ?? last
        if (acknowledge) yield* sessions.acknowledge(id, bob, { message: String(last), cumulative: undefined }, 0)
        return delivery?.seq
      })
      assert.strictEqual(yield* deliver("waits", false), 1)
      for (let index = 0; index < 150; index++) assert.strictEqual(yield* deliver(`t${index}`), 1)
      const sql = yield* Effect.provide(SqlClient.SqlClient, context)
      const [row] = yield* sql<{ readonly count: number }>`SELECT count(*) AS count FROM socket_streams`
      assert.strictEqual(row?.count, 101)
      assert.strictEqual(yield* deliver("waits"), 2)
      assert.strictEqual(yield* deliver("t149"), 2)
      assert.strictEqual(yield* deliver("t0"), 1)
    }))
})
