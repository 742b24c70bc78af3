import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Clients, officialClients } from "../../support/Clients.ts"
import { assertLedger, assertQueued, send, texts, timed } from "../../support/drill.ts"
import { Rig } from "../../support/Rig.ts"

const cases = officialClients.flatMap((client) => ([404, 400] as const).map((status) => ({ ...client, status })))

layer(Rig.layer(), { excludeTestServices: true })("a relay that is killed and comes back", (it) => {
  it.effect.each(cases)(
    "costs $client nothing, a lost session answered by $status: writes are queued and delivered once, in order",
    ({ connect, status }) =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const before = yield* texts(relay)
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        const menu = yield* client.toolNames
        assert.isFalse(menu.includes("relay_workspace_claim"))

        const first = yield* send(client, "one")
        assert.notProperty(first.structuredContent ?? {}, "queued")

        yield* relay.control.hold("before commit")
        const inFlight = yield* Effect.forkChild(send(client, "two"))
        yield* relay.control.awaitHeld("before commit")
        yield* relay.kill
        assertQueued(yield* Fiber.join(inFlight))

        const whileDown = yield* timed(send(client, "three"))
        assertQueued(whileDown.value)
        assert.isBelow(whileDown.millis, 3000)

        assert.deepStrictEqual(yield* client.toolNames, menu)
        const newcomer = yield* Clients.sdk(daemon.url, { secret: daemon.secret, name: "newcomer" })
        assert.deepStrictEqual(yield* newcomer.toolNames, menu)

        yield* relay.restart({ lostSessionStatus: status })
        yield* assertLedger(relay, [...before, "one", "two", "three"])
        const read = yield* client.call("echo", { text: "back" })
        assert.include(JSON.stringify(read.content), "back")
        assert.strictEqual(yield* client.wire.initializes, 1)
        assert.deepStrictEqual(yield* client.wire.failures, [])
      })
  )

  it.effect("answers a read of a relay that is back within 4 s", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* relay.kill
      const read = yield* Effect.forkChild(client.call("echo", { text: "while it is away" }))
      yield* Effect.sleep("3 seconds")
      yield* relay.restart()
      assert.include(JSON.stringify((yield* Fiber.join(read)).content), "while it is away")
    }))

  it.effect("tells a read of a relay that stays away what is known, within 6 s", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* relay.kill
      const { millis, value: error } = yield* timed(Effect.flip(client.call("echo", { text: "hello?" })))
      assert.isBelow(millis, 6000)
      assert.strictEqual(error.code, -31002)
      assert.include(error.message, "relay")
    }))
})
