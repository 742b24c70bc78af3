import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send } from "../../support/drill.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const eras = ["both", "modern", "legacy"] as const

describe("an agent of the modern era", () => {
  it.live.each(eras.map((era) => ({ era })))(
    "has tools, prompts, resources and completion of a relay of era $era, and no session",
    ({ era }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true })
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
      })
  )

  it.live.each(eras.map((era) => ({ era })))(
    "is told on its subscription that the tools of a relay of era $era changed",
    ({ era }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true })
        yield* client.toolNames
        yield* Effect.sleep("500 millis")
        yield* relay.control.putTool({ name: "new", inputSchema: { type: "object" } })
        yield* client.awaitListChanged().pipe(Effect.timeout("10 seconds"))
        assert.include(yield* client.toolNames, "new")
      })
  )

  it.live.each(eras.map((era) => ({ era })))(
    "loses nothing where a relay of era $era is killed: queued, answered from what is known, delivered once, in order",
    ({ era }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true })
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
      })
  )

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
