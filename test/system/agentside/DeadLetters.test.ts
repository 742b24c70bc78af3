import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

describe("a dead letter", () => {
  it.live(
    "is told to its agent by a log message and, once, with the next bufferable call",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* client.wire.awaitStream
        yield* relay.kill
        yield* client.call("relay_send_message", { to: "b", text: "doomed" })

        yield* relay.restart()
        yield* relay.control.answerNext(1, Answer.rpcError(-32602, "no such agent"), { tool: "relay_send_message" })
        yield* eventually("the log message", client.logged, (logged) => logged.length > 0)
        assert.include(JSON.stringify(yield* client.logged), "no such agent")

        yield* relay.kill
        const next = yield* client.call("relay_send_message", { to: "b", text: "next" })
        assert.include(JSON.stringify(next.structuredContent), "no such agent")
        const after = yield* client.call("relay_send_message", { to: "b", text: "after" })
        assert.notInclude(JSON.stringify(after.structuredContent), "no such agent")
      })
  )

  it.live(
    "is told, once, with the live result of a bufferable call, as one more block of text",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const env = { HOLDFAST_OUTBOX_BUFFERABLE: "relay_send_message,fail" }
        const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* client.wire.awaitStream
        yield* relay.kill
        yield* client.call("relay_send_message", { to: "b", text: "doomed" })
        yield* relay.restart()
        yield* relay.control.answerNext(1, Answer.rpcError(-32602, "no such agent"), { tool: "relay_send_message" })
        yield* eventually("the log message", client.logged, (logged) => logged.length > 0)

        const first = JSON.stringify((yield* client.call("fail", { text: "first" })).content)
        assert.match(first, /^\[\{.*first.*\},\{.*no such agent.*\}\]$/)
        assert.notInclude(JSON.stringify((yield* client.call("fail", { text: "second" })).content), "no such agent")
      })
  )
})
