import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send } from "../../support/drill.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

describe("a daemon that is killed and comes back", () => {
  it.live.each(officialClients)(
    "keeps the session of $client and every queued call",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        const session = yield* client.sessionId
        yield* send(client, "one")

        yield* relay.kill
        assertQueued(yield* send(client, "two"))
        yield* daemon.kill
        yield* daemon.restart()
        assertQueued(yield* send(client, "three"))
        yield* relay.restart()
        yield* assertLedger(relay, ["one", "two", "three"])

        yield* client.call("echo", { text: "still here" })
        assert.strictEqual(yield* client.sessionId, session)
        assert.strictEqual(yield* client.wire.initializes, 1)
      })
  )

  it.live.each(officialClients)(
    "together with its relay, loses nothing of $client",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
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
        yield* assertLedger(relay, ["one", "two"])
        yield* client.call("echo", { text: "still here" })
        assert.strictEqual(yield* client.wire.initializes, 1)
      })
  )
})
