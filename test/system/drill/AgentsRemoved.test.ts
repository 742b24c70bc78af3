/** What is under way when its agent is removed: it is nobody else's, and the name is not free before it has ended. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Predicate, Schema } from "effect"
import { connect } from "node:net"
import { AgentView, NewAgent } from "../../../src/admin/AgentView.ts"
import { Clients } from "../../support/Clients.ts"
import type { Daemon } from "../../support/Daemon.ts"
import { send, texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { Rig } from "../../support/Rig.ts"

const views = Schema.decodeUnknownSync(Schema.Array(AgentView))

const add = (daemon: Daemon, agent: string) =>
  Effect.map(daemon.admin("/api/agents", { agent }), ({ body, status }) => {
    assert.strictEqual(status, 200, JSON.stringify(body))
    return Schema.decodeUnknownSync(NewAgent)(body).secret
  })
const remove = (daemon: Daemon, agent: string) => daemon.admin(`/api/agents/${agent}`, undefined, "DELETE")
const viewOf = (daemon: Daemon, name: string) =>
  Effect.map(daemon.admin("/api/agents"), ({ body }) => views(body).find(({ agent }) => agent === name))

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } }
})

/** A POST whose body comes only when the test says so; gives the answer's first line. */
const slowPost = (daemon: Daemon, secret: string, body: string) =>
  Effect.callback<{ readonly finish: Effect.Effect<string> }>((resume) => {
    const socket = connect(daemon.port, "127.0.0.1", () => {
      socket.write([
        "POST /mcp HTTP/1.1",
        `Host: 127.0.0.1:${daemon.port}`,
        `Authorization: Bearer ${secret}`,
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        `Content-Length: ${body.length}`,
        "Connection: close",
        "",
        body.slice(0, 10)
      ].join("\r\n"))
      const finish = Effect.callback<string>((answered) => {
        let text = ""
        socket.on("data", (chunk) => text += String(chunk))
        socket.on("close", () => answered(Effect.succeed(text.split("\r\n", 1)[0] ?? "")))
        socket.write(body.slice(10))
      })
      // The headers have been read once a later request on another connection is answered.
      resume(Effect.as(viewOf(daemon, "default"), { finish }))
    })
  })

const shared = Rig.layer()

layer(shared, { excludeTestServices: true, timeout: "60 seconds" })("an agent that is removed", (it) => {
  it.effect(
    "while its call is with the relay keeps its name until that is delivered, as its own and once",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const ada = yield* Clients.sdk(daemon.url, { secret: yield* add(daemon, "ada") })
        yield* relay.control.hold("before commit")
        const call = yield* Effect.forkChild(Effect.exit(send(ada, "under way")), { startImmediately: true })
        yield* relay.control.awaitHeld("before commit")

        const removed = yield* remove(daemon, "ada")
        assert.deepInclude(removed.body, { agent: "ada", state: "leaving", sessions: 0, undelivered: 1 })
        assert.strictEqual((yield* daemon.admin("/api/agents", { agent: "ada" })).status, 409)
        yield* relay.kill
        yield* eventually("the call is queued", viewOf(daemon, "ada"), (view) => view?.undelivered === 1)
        assert.strictEqual((yield* daemon.admin("/api/agents", { agent: "ada" })).status, 409)
        // What is queued, and the token that delivers it, can still be looked at; an agent that never was cannot.
        const listed = yield* daemon.admin("/api/outbox?agent=ada")
        assert.include(JSON.stringify(listed.body), "relay_send_message")
        assert.include(JSON.stringify((yield* daemon.admin("/api/outbox/export?agent=ada")).body), "under way")
        assert.strictEqual((yield* daemon.admin("/api/token?agent=ada")).status, 200)
        for (const path of ["/api/outbox?agent=nobody", "/api/token?agent=nobody", "/api/tools?agent=ada"]) {
          assert.strictEqual((yield* daemon.admin(path)).status, 404, path)
        }
        yield* relay.restart()
        yield* eventually("the delivery", texts(relay), (all) => all.includes("under way"))
        yield* eventually("the name is free", viewOf(daemon, "ada"), Predicate.isUndefined)
        assert.deepStrictEqual(yield* texts(relay), ["under way"])
        yield* Fiber.interrupt(call)
      })
  )

  it.effect("while a session of it opens leaves none behind", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const secret = yield* add(daemon, "ben")
      yield* relay.stop
      const opening = yield* Effect.forkChild(
        Effect.promise(() =>
          fetch(daemon.url, {
            method: "POST",
            headers: {
              "authorization": `Bearer ${secret}`,
              "content-type": "application/json",
              "accept": "application/json, text/event-stream"
            },
            body: initialize
          })
        ),
        { startImmediately: true }
      )
      yield* Effect.sleep("300 millis")
      yield* remove(daemon, "ben")
      yield* relay.cont
      yield* Fiber.join(opening)
      yield* eventually("the name is free", viewOf(daemon, "ben"), Predicate.isUndefined)
      yield* add(daemon, "ben")
      assert.strictEqual((yield* viewOf(daemon, "ben"))?.sessions, 0)
    }))

  it.effect(
    "while it still sends a request is refused, also where its name has come back",
    () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const { finish } = yield* slowPost(daemon, yield* add(daemon, "cyd"), initialize)
        yield* remove(daemon, "cyd")
        yield* add(daemon, "cyd")
        assert.strictEqual(yield* finish, "HTTP/1.1 401 Unauthorized")
        assert.strictEqual((yield* viewOf(daemon, "cyd"))?.sessions, 0)
      })
  )

  it.effect(
    "while others add and remove it is there or not, and whoever was told its secret has all of it",
    () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        yield* add(daemon, "dee")
        for (let round = 0; round < 10; round++) {
          const [first, second, added] = yield* Effect.all([
            remove(daemon, "dee"),
            remove(daemon, "dee"),
            daemon.admin("/api/agents", { agent: "dee" })
          ], { concurrency: "unbounded" })
          const gone = [first, second].filter(({ status }) => status === 200).length
          const come = added.status === 200 ? 1 : 0
          const present = yield* viewOf(daemon, "dee")
          assert.strictEqual(present === undefined ? 0 : 1, 1 - gone + come, JSON.stringify([first, second, added]))
          if (present === undefined) yield* add(daemon, "dee")
        }
      })
  )
})
