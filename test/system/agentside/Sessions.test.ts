import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "../../support/eventually.ts"
import { nextId, rawAgent, rawExchange } from "../../support/RawAgent.ts"
import type { Call } from "../../support/RawClient.ts"
import type { SeenRequest } from "../../support/relay/RelayHttp.ts"
import { Rig } from "../../support/Rig.ts"

const ping = { method: "ping", id: 1 }

const ofMethod = (method: string) => (requests: ReadonlyArray<SeenRequest>) =>
  requests.filter((request) => request.rpcMethod === method)

layer(Rig.layer({ relay: { lostSessionStatus: 401 } }), { excludeTestServices: true })("a session", (it) => {
  it.effect("that is not known is 404, and so is one that was ended; without an id it is 400", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const as = (session: string | undefined) => agent.post(ping, { headers: { "mcp-session-id": session } })
      assert.strictEqual((yield* as("nobody")).status, 404)
      assert.strictEqual((yield* as(undefined)).status, 400)
      assert.strictEqual((yield* as("")).status, 404)
      assert.strictEqual((yield* agent.request("ping")).status, 200)
      assert.strictEqual((yield* agent.end).status, 200)
      const ended = yield* agent.request("ping")
      assert.strictEqual(ended.status, 404)
      assert.isDefined(ended.answer.error)
      assert.strictEqual((yield* agent.end).status, 404)
      const stream = yield* agent.get()
      assert.strictEqual(stream.status, 404)
    }))

  it.effect("that is ended ends its streams, and the relay's session once the call that is under way has its answer", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      yield* agent.request("tools/list")
      const stream = yield* agent.get()
      const waiting = yield* Effect.forkScoped(agent.call("silent", { millis: 1500 }))
      yield* eventually("the call at the relay", relay.control.counts, ({ inFlight }) => inFlight > 0)
      yield* relay.forgetRequests
      yield* agent.end
      assert.deepStrictEqual((yield* stream.rest).map(({ comment }) => comment), ["connected"])
      // An answer outlives its session.
      assert.isDefined((yield* Fiber.join(waiting)).answer.result)
      yield* eventually("DELETE at the relay", relay.requests, (all) => all.some(({ verb }) => verb === "DELETE"))
    }))

  it.effect("of one agent is 404 to another, and nothing of it to who has no secret", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const other = (yield* daemon.command("agents", "add", "other")).stdout.trim()
      const as = (secret: string, call: Call = {}) =>
        rawExchange(daemon, {
          ...call,
          headers: { authorization: `Bearer ${secret}`, "mcp-session-id": agent.session }
        })
      const stranger = yield* as("nonsense")
      assert.strictEqual(stranger.status, 401)
      assert.strictEqual(stranger.headers["www-authenticate"], "Bearer")
      assert.strictEqual(stranger.answer.error?.code, -31001)
      assert.strictEqual((yield* as(other)).status, 404)
      assert.strictEqual((yield* as(other, { method: "GET" })).status, 404)
      assert.strictEqual((yield* as(other, { method: "DELETE" })).status, 404)
      // Nor in the moment in which its owner's request finds it on disk again.
      yield* daemon.kill
      yield* daemon.restart()
      const [foreign, own] = yield* Effect.all([as(other), agent.request("ping")], { concurrency: 2 })
      assert.strictEqual(foreign.status, 404)
      assert.strictEqual(own.status, 200)
      const theirs = yield* rawAgent(daemon, { secret: other })
      assert.notStrictEqual(theirs.session, agent.session)
      assert.strictEqual((yield* agent.request("ping")).status, 200)
    }))

  it.effect("asks the relay again where it lost its own, though it says so by 401", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      yield* agent.call("echo", { text: "one" })
      yield* relay.control.dropSessions
      const reply = yield* agent.call("echo", { text: "two" })
      assert.strictEqual(reply.status, 200)
      assert.include(reply.text, "two")
    }))

  it.effect("repeats log level, subscriptions and the latest roots notice in a new session of the relay, once each", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon, { capabilities: { roots: { listChanged: true } } })
      yield* agent.request("logging/setLevel", { level: "debug" })
      yield* agent.request("logging/setLevel", { level: "error" })
      yield* agent.request("resources/subscribe", { uri: "relay://inbox" })
      yield* agent.request("resources/subscribe", { uri: "relay://other" })
      yield* agent.request("resources/unsubscribe", { uri: "relay://other" })
      yield* agent.post({ method: "notifications/roots/list_changed" })
      yield* eventually(
        "the notice",
        relay.requests,
        (all) => ofMethod("notifications/roots/list_changed")(all).length === 1
      )
      for (const life of ["the relay's", "ours"]) {
        if (life === "ours") {
          yield* daemon.kill
          yield* daemon.restart()
        }
        yield* relay.control.dropSessions
        yield* relay.forgetRequests
        yield* agent.call("echo", { text: "three" })
        const said = yield* relay.requests
        assert.deepStrictEqual(
          ofMethod("logging/setLevel")(said).map(({ body }) => JSON.parse(body).params.level),
          ["error"],
          life
        )
        assert.deepStrictEqual(
          ofMethod("resources/subscribe")(said).map(({ body }) => JSON.parse(body).params.uri),
          ["relay://inbox"]
        )
        assert.strictEqual(ofMethod("notifications/roots/list_changed")(said).length, 1)
        const opened = ofMethod("initialize")(said).map(({ body }) => JSON.parse(body).params.clientInfo.name)
        assert.strictEqual(opened.filter((name) => name === "raw").length, 1)
      }
    }))

  it.effect("hands the relay's question to the agent, and the agent's reply back", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon, { capabilities: { elicitation: { form: {} } } })
      const before = (yield* relay.control.counts).streams
      const stream = yield* agent.get()
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > before)
      const call = yield* Effect.forkScoped(agent.call("elicit"))
      const question = yield* stream.message
      assert.strictEqual(question.method, "elicitation/create")
      const accepted = yield* agent.post({ id: question.id, result: { action: "accept", content: { yes: true } } })
      assert.strictEqual(accepted.status, 202)
      const { answer } = yield* Fiber.join(call)
      assert.deepStrictEqual(answer.result?.["structuredContent"], { go: { action: "accept", content: { yes: true } } })
    }))

  it.effect("passes a cancellation on, and ends the answer's stream", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const id = nextId()
      const stream = yield* agent.open({ id, method: "tools/call", params: { name: "silent", arguments: {} } })
      yield* relay.forgetRequests
      const cancelled = yield* agent.post({ method: "notifications/cancelled", params: { requestId: id } })
      assert.strictEqual(cancelled.status, 202)
      assert.deepStrictEqual((yield* stream.rest).filter(({ data }) => data), [])
      const [notice] = yield* eventually(
        "the notice",
        Effect.map(relay.requests, ofMethod("notifications/cancelled")),
        (all) => all.length > 0
      )
      assert.strictEqual(JSON.parse(notice?.body ?? "{}").params.requestId, id)
    }))

  it.effect("answers ping by itself while the relay is down, and notifications with 202", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      yield* relay.kill
      yield* agent.request("ping")
      const started = performance.now()
      const pong = yield* agent.request("ping")
      assert.deepStrictEqual(pong.answer.result, {})
      assert.isBelow(performance.now() - started, 3000)
      assert.strictEqual((yield* agent.post({ method: "notifications/initialized" })).status, 202)
      assert.strictEqual((yield* agent.post({ method: "notifications/roots/list_changed" })).status, 202)
      yield* relay.restart()
    }))
})
