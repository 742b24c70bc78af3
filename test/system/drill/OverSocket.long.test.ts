import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertQueued, send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { greeted } from "../../support/relay/SocketPeer.ts"
import { type SocketRelay, socketRelay } from "../../support/relay/SocketRelay.ts"

const many = 1_000

const texts = (relay: SocketRelay) => Effect.map(relay.ledger, (entries) => entries.map(({ text }) => text))

/** Lost 0, doubled 0, in the order of their lane. */
const assertLedger = Effect.fnUntraced(function*(relay: SocketRelay, expected: ReadonlyArray<string>) {
  yield* eventually("every message in the relay", texts(relay), (found) => found.length >= expected.length, "4 minutes")
  yield* Effect.sleep("300 millis")
  assert.deepStrictEqual(yield* texts(relay), expected)
})

const numbered = (prefix: string) => Array.from({ length: many }, (_, n) => `${prefix}${n}`)

describe("the drill over the socket", () => {
  it.live("a relay killed with a write under way and without one, a write meanwhile, and sessions forgotten", () =>
    Effect.gen(function*() {
      const relay = yield* socketRelay
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      const menu = yield* client.toolNames
      yield* send(client, "one")
      yield* relay.signal("SIGSTOP")
      const underWay = yield* Effect.forkChild(send(client, "two"))
      yield* Effect.sleep("500 millis")
      yield* relay.kill
      assertQueued(yield* Fiber.join(underWay))
      assertQueued(yield* send(client, "three"))
      assert.deepStrictEqual(yield* client.toolNames, menu)
      yield* relay.forgetSessions
      yield* relay.start
      yield* assertLedger(relay, ["one", "two", "three"])
      yield* relay.kill
      assertQueued(yield* send(client, "four"))
      yield* relay.start
      yield* assertLedger(relay, ["one", "two", "three", "four"])
      assert.strictEqual(yield* client.wire.initializes, 1)
    }))

  it.live("1,000 messages under way, and SIGKILL of the relay and of the daemon while they go out", () =>
    Effect.gen(function*() {
      const relay = yield* socketRelay
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* client.toolNames
      yield* relay.kill
      const expected = numbered("m")
      for (const text of expected) assertQueued(yield* send(client, text))
      for (const kill of ["relay", "daemon", "relay", "daemon"] as const) {
        const before = (yield* texts(relay)).length
        yield* relay.start
        yield* eventually("some to go out", texts(relay), ({ length }) => length > before + 20, "2 minutes")
        if (kill === "daemon") yield* daemon.restart()
        yield* relay.kill
      }
      yield* relay.start
      yield* assertLedger(relay, expected)
    }))

  it.live("1,000 messages of one connection, and SIGKILL of the relay: what is said again under its id is one", () =>
    Effect.gen(function*() {
      const relay = yield* socketRelay
      const expected = numbered("s")
      const acknowledged = new Set<string>()
      let stopped = 0
      while (acknowledged.size < many) {
        const { client } = yield* greeted(relay.path, "alice")
        for (const text of expected) {
          if (acknowledged.has(text)) continue
          client.send("SEND", { kind: "message", body: text }, {
            id: text,
            to: "bob",
            payload_meta: { sync: { correlationId: `c-${text}`, blocking: true } }
          })
        }
        const enough = stopped < 2 ? (stopped + 1) * 200 : many
        yield* eventually(
          "acknowledgements",
          Effect.sync(() => new Set([...acknowledged, ...client.all("ACK").map(({ payload }) => payload.ack_id)]).size),
          (size) => size >= enough
        )
        if (stopped < 2) yield* relay.kill
        yield* Effect.sleep("50 millis")
        for (const { payload } of client.all("ACK")) acknowledged.add(payload.ack_id)
        if (stopped++ < 2) yield* relay.start
      }
      yield* assertLedger(relay, expected)
    }))

  it.live("1,000 messages to an agent of the daemon, and SIGKILL of either while they come: each is read once, in order", () =>
    Effect.gen(function*() {
      const relay = yield* socketRelay
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const expected = numbered("d")
      const { client: bob } = yield* greeted(relay.path, "bob")
      for (const text of expected) bob.send("SEND", { body: text }, { id: text, to: "default" })
      bob.send("STATUS")
      yield* bob.first("STATUS_RESPONSE")
      yield* assertLedger(relay, expected)
      const agent = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* agent.call("relay_list_agents")
      yield* daemon.restart()
      yield* relay.kill
      yield* relay.start
      const read: Array<string> = []
      let after: string | undefined
      while (read.length < many) {
        const { structuredContent } = yield* agent.call("relay_inbox", after === undefined ? {} : { after })
        const { messages } = structuredContent as unknown as {
          readonly messages: ReadonlyArray<{ readonly id: string; readonly text: string }>
        }
        for (const { id, text } of messages) {
          read.push(text)
          after = id
        }
        if (messages.length === 0) yield* Effect.sleep("50 millis")
      }
      assert.deepStrictEqual(read, expected)
      const { structuredContent } = yield* agent.call("relay_inbox", { after })
      assert.deepInclude(structuredContent, { messages: [] })
    }))
})
