import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Clients } from "../../support/Clients.ts"
import { eventually } from "../../support/eventually.ts"
import { Rig } from "../../support/Rig.ts"

const env = { HOLDFAST_INBOX_TOOL: "holdfast_inbox", HOLDFAST_OUTBOX_BUFFERABLE: "relay_send_message,fail" }

layer(Rig.layer({ daemon: { env } }), { excludeTestServices: true, timeout: "60 seconds" })(
  "a message for an agent",
  (it) => {
    const told = { from: "Ann", agent: "default" }

    it.effect("is told on its stream and once with its next answer, and read by the tool, over a crash of the daemon", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* client.wire.awaitStream
        const sent = yield* daemon.admin("/api/inbox", { ...told, id: "m-1", body: "look at the build" })
        assert.strictEqual(sent.status, 200)
        yield* eventually("the log message", client.logged, (logged) => JSON.stringify(logged).includes("m-1"))
        assert.notInclude(JSON.stringify(yield* client.logged), "look at the build")

        yield* daemon.restart()
        assert.strictEqual(
          (yield* daemon.admin("/api/inbox", { ...told, id: "m-1", body: "look at the build" })).status,
          200
        )
        const first = JSON.stringify((yield* client.call("fail", { text: "first" })).content)
        assert.include(first, "m-1")
        assert.include(first, "holdfast_inbox")
        assert.notInclude(first, "look at the build")
        assert.notInclude(JSON.stringify((yield* client.call("fail", { text: "second" })).content), "m-1")

        assert.include(yield* client.toolNames, "holdfast_inbox")
        assert.include(JSON.stringify(yield* client.call("holdfast_inbox")), "m-1")
        assert.include(JSON.stringify(yield* client.call("holdfast_inbox", { id: "m-1" })), "look at the build")
        assert.include(JSON.stringify(yield* client.call("holdfast_inbox")), "No message is unread.")
      }))

    it.effect("is told to an agent of the modern era, too, and in the note of an acknowledgement", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const client = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: "pinned" })
        yield* daemon.admin("/api/inbox", { ...told, id: "m-2", body: "hello" })
        assert.include(JSON.stringify((yield* client.call("fail", { text: "first" })).content), "m-2")
        assert.notInclude(JSON.stringify((yield* client.call("fail", { text: "second" })).content), "m-2")

        yield* relay.kill
        yield* daemon.admin("/api/inbox", { ...told, id: "m-3", body: "hello" })
        const queued = yield* client.call("relay_send_message", { to: "b", text: "queued" })
        assert.include(JSON.stringify(queued.structuredContent), "m-3")
        assert.include(JSON.stringify(queued.content), "m-3")
        const next = yield* client.call("relay_send_message", { to: "b", text: "next" })
        assert.notInclude(JSON.stringify(next.structuredContent), "m-3")
        yield* relay.restart()
        assert.include(JSON.stringify(yield* client.call("holdfast_inbox", { id: "m-3" })), "hello")
      }))

    it.effect("is listed and printed by the command line, without another message under its id", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        yield* daemon.admin("/api/inbox", { ...told, id: "m-4", body: "for a person" })
        assert.strictEqual((yield* daemon.admin("/api/inbox", { ...told, id: "m-4", body: "other" })).status, 409)
        assert.include((yield* daemon.command("inbox", "list", "--unread")).stdout, "m-4")
        assert.include((yield* daemon.command("inbox", "read", "m-4")).stdout, "for a person")
        assert.notInclude((yield* daemon.command("inbox", "list", "--unread")).stdout, "m-4")
        assert.strictEqual((yield* daemon.command("inbox", "read", "m-9")).code, 1)
      }))
  }
)
