import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const tool = (name: string) => ({ name, inputSchema: { type: "object" } }) as const

describe("an agent of the legacy era in front of a relay that is only of the modern one", () => {
  it.live.each(officialClients)(
    "has tools, prompts, resources, completion and ping with $client",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era: "modern" })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        assert.include(yield* client.toolNames, "echo")
        assert.include(JSON.stringify(yield* client.call("echo", { text: "hello" })), "hello")
        assert.include(JSON.stringify(yield* client.prompt("greet", { name: "bob" })), "Hello, bob")
        assert.include(JSON.stringify(yield* client.resource("relay://inbox")), "application/json")
        assert.include(JSON.stringify(yield* client.complete("greet", "name", "al")), "alan")
        yield* client.ping
        const steps: Array<number> = []
        yield* client.call("slow", { millis: 60, steps: 3 }, { onProgress: ({ progress }) => steps.push(progress) })
        assert.deepStrictEqual(steps, [1, 2, 3])
        assert.deepStrictEqual(yield* client.wire.failures, [])
      })
  )

  it.live.each(officialClients)(
    "is told of changed tools on its stream with $client",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era: "modern" })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        yield* client.toolNames
        yield* client.wire.awaitStream
        yield* eventually("a subscription at the relay", relay.control.counts, ({ streams }) => streams > 0)
        yield* relay.control.putTool(tool("new"))
        yield* client.awaitListChanged().pipe(Effect.timeout("10 seconds"))
        assert.include(yield* client.toolNames, "new")
      })
  )

  it.live.each(officialClients)(
    "loses nothing where that relay is killed, with $client",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era: "modern" })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        yield* send(client, "one")
        yield* relay.kill
        assertQueued(yield* send(client, "two"))
        yield* relay.restart()
        yield* assertLedger(relay, ["one", "two"])
        assert.strictEqual(yield* client.wire.initializes, 1)
      })
  )

  it.live("is told plainly that the relay's question to its user cannot be put to it", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "modern" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const client = yield* officialClients[0]!.connect(daemon.url, { secret: daemon.secret })
      const told = yield* client.call("elicit").pipe(
        Effect.map((result) => JSON.stringify(result)),
        Effect.catch((error) => Effect.succeed(error.message)),
        Effect.timeout("10 seconds")
      )
      assert.match(told, /elicit|input|capab/i)
    }))
})

describe("a relay that comes back in another era", () => {
  it.live.each(
    [
      { before: "legacy", after: "modern" },
      { before: "modern", after: "legacy" }
    ] as const
  )("costs a session nothing: $before, then $after", ({ after, before }) =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: before })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      for (const { connect } of officialClients) {
        yield* relay.restart({ era: before })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        yield* client.call("echo", { text: "before" })
        yield* relay.restart({ era: after })
        assert.include(JSON.stringify(yield* client.call("echo", { text: "after" })), "after")
        assert.strictEqual(yield* client.wire.initializes, 1)
      }
    }))
})
