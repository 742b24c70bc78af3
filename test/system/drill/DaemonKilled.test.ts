import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { officialClients } from "../../support/Clients.ts"
import { assertLedger, assertQueued, send, texts } from "../../support/drill.ts"
import { Rig } from "../../support/Rig.ts"

layer(Rig.layer(), { excludeTestServices: true })("a daemon that is killed and comes back", (it) => {
  it.effect.each(officialClients)(
    "keeps the session of $client and every queued call",
    ({ connect }) =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const before = yield* texts(relay)
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        const session = yield* client.sessionId
        yield* send(client, "one")

        yield* relay.kill
        assertQueued(yield* send(client, "two"))
        yield* daemon.kill
        yield* daemon.restart()
        assertQueued(yield* send(client, "three"))
        yield* relay.restart()
        yield* assertLedger(relay, [...before, "one", "two", "three"])

        yield* client.call("echo", { text: "still here" })
        assert.strictEqual(yield* client.sessionId, session)
        assert.strictEqual(yield* client.wire.initializes, 1)
      })
  )

  it.effect.each(officialClients)(
    "together with its relay, loses nothing of $client",
    ({ connect }) =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const before = yield* texts(relay)
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        yield* relay.control.hold("after commit")
        const inFlight = yield* Effect.forkChild(send(client, "one"))
        yield* relay.control.awaitHeld("after commit")
        yield* relay.kill
        assertQueued(yield* Fiber.join(inFlight))
        assertQueued(yield* send(client, "two"))
        yield* daemon.kill
        yield* daemon.restart()
        yield* relay.restart()
        yield* assertLedger(relay, [...before, "one", "two"])
        yield* client.call("echo", { text: "still here" })
        assert.strictEqual(yield* client.wire.initializes, 1)
      })
  )
})
