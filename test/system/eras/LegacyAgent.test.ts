import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Clients, officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send, texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const tool = (name: string) => ({ name, inputSchema: { type: "object" } }) as const

layer(Rig.layer({ relay: { era: "modern" } }), { excludeTestServices: true })(
  "an agent of the legacy era in front of a relay that is only of the modern one",
  (it) => {
    it.effect.each(officialClients)(
      "has tools, prompts, resources, completion and ping with $client",
      ({ connect }) =>
        Effect.gen(function*() {
          const { daemon } = yield* Rig
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

    it.effect.each(officialClients)(
      "is told of changed tools on its stream with $client",
      ({ client: name, connect }) =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          const client = yield* connect(daemon.url, { secret: daemon.secret })
          yield* client.toolNames
          yield* client.wire.awaitStream
          yield* eventually("a subscription at the relay", relay.control.counts, ({ streams }) => streams > 0)
          const added = tool(`new for ${name}`.replaceAll(/[^a-z0-9]/g, "_"))
          yield* relay.control.putTool(added)
          yield* client.awaitListChanged().pipe(Effect.timeout("10 seconds"))
          assert.include(yield* client.toolNames, added.name)
        })
    )

    it.effect("is told plainly that the relay's question to its user cannot be put to it", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        const told = yield* client.call("elicit").pipe(
          Effect.map((result) => JSON.stringify(result)),
          Effect.catch((error) => Effect.succeed(error.message)),
          Effect.timeout("10 seconds")
        )
        assert.match(told, /elicit|input|capab/i)
      }))

    it.effect.each(officialClients)(
      "loses nothing where that relay is killed, with $client",
      ({ connect }) =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          const before = yield* texts(relay)
          const client = yield* connect(daemon.url, { secret: daemon.secret })
          yield* send(client, "one")
          yield* relay.kill
          assertQueued(yield* send(client, "two"))
          yield* relay.restart()
          yield* assertLedger(relay, [...before, "one", "two"])
          assert.strictEqual(yield* client.wire.initializes, 1)
        })
    )
  }
)

describe("a relay that comes back in another era", () => {
  it.live("costs a session nothing, there and back", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "legacy" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      for (
        const { before, after } of [{ before: "legacy", after: "modern" }, {
          before: "modern",
          after: "legacy"
        }] as const
      ) {
        const clients = yield* Effect.forEach(
          officialClients,
          ({ connect }) => connect(daemon.url, { secret: daemon.secret })
        )
        for (const client of clients) yield* client.call("echo", { text: before })
        yield* relay.restart({ era: after })
        for (const client of clients) {
          assert.include(JSON.stringify(yield* client.call("echo", { text: after })), after)
          assert.strictEqual(yield* client.wire.initializes, 1)
        }
      }
    }))
})
