import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const connected = Effect.flatMap(
  Rig,
  ({ daemon }) => Clients.client(daemon.url, { secret: daemon.secret, modern: true })
)

for (const era of ["both", "modern", "legacy"] as const) {
  layer(Rig.layer({ relay: { era } }), { excludeTestServices: true })(
    `an agent of the modern era, in front of a relay of era ${era},`,
    (it) => {
      it.effect("has tools, prompts, resources and completion, and no session", () =>
        Effect.gen(function*() {
          const client = yield* connected
          const names = yield* client.toolNames
          assert.include(names, "echo")
          assert.notInclude(names, "relay_workspace_claim")
          assert.include(JSON.stringify(yield* client.call("echo", { text: "hello" })), "hello")
          assert.include(JSON.stringify(yield* client.prompts), "greet")
          assert.include(JSON.stringify(yield* client.prompt("greet", { name: "bob" })), "Hello, bob")
          assert.include(JSON.stringify(yield* client.resources), "relay://inbox")
          assert.include(JSON.stringify(yield* client.resource("relay://inbox")), "application/json")
          assert.include(JSON.stringify(yield* client.complete("greet", "name", "al")), "alan")
          assert.strictEqual(yield* client.wire.initializes, 0)
          assert.strictEqual(yield* client.sessionId, undefined)
          assert.deepStrictEqual(yield* client.wire.failures, [])
        }))

      it.effect("is told on its subscription that the tools changed", () =>
        Effect.gen(function*() {
          const { relay } = yield* Rig
          const client = yield* connected
          yield* client.toolNames
          yield* eventually("a stream at the relay", relay.control.counts, ({ streams }) => streams > 0)
          yield* relay.control.putTool({ name: "new", inputSchema: { type: "object" } })
          yield* client.awaitListChanged().pipe(Effect.timeout("10 seconds"))
          assert.include(yield* client.toolNames, "new")
        }))

      it.effect("loses nothing where it is killed: queued, answered from what is known, delivered once, in order", () =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          const client = yield* connected
          const menu = yield* client.toolNames
          yield* send(client, "one")
          yield* relay.control.hold("before commit")
          const inFlight = yield* Effect.forkChild(send(client, "two"))
          yield* relay.control.awaitHeld("before commit")
          yield* relay.kill
          assertQueued(yield* Fiber.join(inFlight))
          assertQueued(yield* send(client, "three"))
          assert.deepStrictEqual(yield* client.toolNames, menu)
          const newcomer = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true, name: "newcomer" })
          assert.deepStrictEqual(yield* newcomer.toolNames, menu)
          yield* relay.restart()
          yield* assertLedger(relay, ["one", "two", "three"])
          assert.include(JSON.stringify(yield* client.call("echo", { text: "back" })), "back")
          assert.deepStrictEqual(yield* client.wire.failures, [])
        }))
    }
  )
}

describe("an agent of the modern era", () => {
  it.live("goes on over a restart of the daemon", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const client = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true })
      const menu = yield* client.toolNames
      yield* daemon.restart()
      assert.deepStrictEqual(yield* client.toolNames, menu)
      yield* send(client, "after")
      yield* assertLedger(relay, ["after"])
    }))
})
