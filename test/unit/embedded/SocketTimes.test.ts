/** What happens on the relay's socket when time passes: real sockets, and a clock in the test's hands. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { AgentName } from "../../../src/domain/Ids.ts"
import { EmbeddedRelay } from "../../../src/embedded/EmbeddedRelay.ts"
import * as RelayDatabase from "../../../src/embedded/RelayDatabase.ts"
import { SocketSessions } from "../../../src/embedded/socket/SocketSessions.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { type Frame, greeted, hello, type Peer, peer } from "../../support/relay/SocketPeer.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const front = Effect.gen(function*() {
  const directory = `${yield* temporaryDirectory}/relay`
  const built = yield* Layer.build(EmbeddedRelay.layer({ port: 0, directory, socket: true }))
  return Option.getOrThrow((yield* Effect.provide(EmbeddedRelay, built)).socket)
})

/** Done once the relay has read all that went before. */
const heard = Effect.fnUntraced(function*(client: Peer) {
  const id = client.send("STATUS")
  yield* client.first((frame) => frame.type === "STATUS_RESPONSE" && frame.id === id)
})

describe("the relay's socket over time", () => {
  it.effect("waits 5 s for HELLO", () =>
    Effect.gen(function*() {
      const client = yield* peer(yield* front)
      client.send("STATUS")
      yield* client.first("ERROR")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(client.socket.readyState, "open")
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => client.ended)
      assert.lengthOf(client.received, 1)
    }))

  it.effect("asks every 5 s, and stays as long as it is answered", () =>
    Effect.gen(function*() {
      const { client } = yield* greeted(yield* front, "alice")
      for (let n = 1; n <= 20; n++) {
        yield* TestClock.adjust("5 seconds")
        yield* client.first(() => client.all("PING").length === n)
        yield* heard(client)
      }
      assert.deepStrictEqual(
        client.all("PING").map(({ payload }: Frame) => typeof payload.nonce),
        Array(20).fill("string")
      )
    }))

  it.effect("ends the connection of who has not answered for 30 s", () =>
    Effect.gen(function*() {
      const client = yield* peer(yield* front)
      client.send("HELLO", hello("alice"))
      yield* client.first("WELCOME")
      yield* TestClock.adjust("29 seconds")
      yield* heard(client)
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => client.ended)
      assert.lengthOf(client.all("PING"), 5)
    }))

  it.effect("waits 30 s for the rest of a frame", () =>
    Effect.gen(function*() {
      const client = yield* peer(yield* front)
      client.send("HELLO", hello("alice"))
      yield* client.first("WELCOME")
      client.socket.cork()
      const id = client.send("STATUS")
      client.socket.write(Buffer.from([0, 0, 1]))
      client.socket.uncork()
      yield* client.first((frame) => frame.type === "STATUS_RESPONSE" && frame.id === id)
      yield* TestClock.adjust("30 seconds")
      const error = yield* client.first("ERROR")
      assert.deepInclude(error.payload, {
        code: "BAD_REQUEST",
        message: "a frame was begun and not ended",
        fatal: true
      })
      yield* Effect.promise(() => client.ended)
    }))

  it.effect("keeps a session for 24 h after its last HELLO, through many of them, and each token once", () =>
    Effect.gen(function*() {
      const database = Layer.provide(RelayDatabase.layer, DataDirectory.layerAt(yield* temporaryDirectory))
      const { open } = yield* Effect.provide(
        SocketSessions,
        yield* Layer.build(Layer.provide(SocketSessions.layerNoDeps, database))
      )
      const alice = AgentName.make("alice")
      const hour = 3_600_000
      const first = yield* open(alice, undefined, 0)
      let token = first.resumeToken
      for (let day = 1; day <= 5; day++) {
        const resumed = yield* open(alice, token, day * 23 * hour)
        assert.strictEqual(resumed.id, first.id)
        assert.isTrue(resumed.resumed)
        assert.notStrictEqual(resumed.resumeToken, token)
        token = resumed.resumeToken
      }
      assert.isFalse((yield* open(AgentName.make("bob"), token, 115 * hour)).resumed)
      const late = yield* open(alice, token, 5 * 23 * hour + 24 * hour)
      assert.isFalse(late.resumed)
      assert.notStrictEqual(late.id, first.id)
      assert.isTrue((yield* open(alice, late.resumeToken, 140 * hour)).resumed)
      assert.isFalse((yield* open(alice, late.resumeToken, 140 * hour)).resumed)
    }))
})
