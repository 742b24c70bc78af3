import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import * as Proxy from "../../support/Proxy.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const stepwise = (steps: number) => ({
  id: nextId(),
  method: "tools/call",
  params: { name: "stepwise", arguments: { steps }, _meta: { progressToken: "p" } }
})

const live = { excludeTestServices: true }

layer(Rig.layer(), live)("what streams through Holdfast", (it) => {
  it.effect("each event of an answer leaves before the relay makes the next", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const stream = yield* agent.open(stepwise(3))
      assert.strictEqual(stream.headers["content-type"], "text/event-stream")
      for (const step of [1, 2, 3]) {
        yield* relay.control.step
        const progress = yield* stream.message
        assert.strictEqual(progress.params?.["progress"], step)
        assert.isDefined(progress.eventId)
      }
      const answer = yield* stream.message
      assert.deepStrictEqual(answer.result?.["structuredContent"], { steps: 3 })
      assert.deepStrictEqual(yield* stream.rest, [])
    }))

  it.effect("a GET begins with a comment at once, and takes what the relay says of its own accord", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const stream = yield* agent.get()
      assert.strictEqual(stream.headers["x-accel-buffering"], "no")
      assert.strictEqual((yield* stream.next).comment, "connected")
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > 0)
      yield* relay.control.notify("notifications/message", { level: "info", data: "hello" })
      assert.strictEqual((yield* stream.message).params?.["data"], "hello")
    }))

  it.effect("a POST's stream that broke is resumed behind the last event that was seen", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const request = stepwise(3)
      const seen = yield* Effect.scoped(Effect.gen(function*() {
        const stream = yield* agent.open(request)
        yield* relay.control.step
        return (yield* stream.message).eventId
      }))
      yield* relay.control.step
      const resumed = yield* agent.get(seen)
      assert.strictEqual((yield* resumed.message).params?.["progress"], 2)
      yield* relay.control.step
      assert.strictEqual((yield* resumed.message).params?.["progress"], 3)
      const answer = yield* resumed.message
      assert.strictEqual(answer.id, request.id)
      assert.isDefined(answer.result)
      assert.deepStrictEqual(yield* resumed.rest, [])
    }))

  it.effect("a GET that broke is resumed behind the last event that was seen, and nothing is lost meanwhile", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const log = (data: string) => relay.control.notify("notifications/message", { level: "info", data })
      const before = (yield* relay.control.counts).streams
      const seen = yield* Effect.scoped(Effect.gen(function*() {
        const stream = yield* agent.get()
        yield* stream.next
        yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > before)
        yield* log("one")
        yield* log("two")
        const { eventId } = yield* stream.message
        yield* stream.message
        return eventId
      }))
      yield* log("three")
      const resumed = yield* agent.get(seen)
      for (const data of ["two", "three"]) assert.strictEqual((yield* resumed.message).params?.["data"], data)
    }))

  it.effect("the relay's own stream is opened again when the relay ended it", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const stream = yield* agent.get()
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > 0)
      yield* relay.restart()
      const message = yield* Effect.forkChild(stream.message)
      // Other sessions' streams come back too, so only this one can say that it is there.
      const said = Effect.andThen(
        relay.control.notify("notifications/message", { level: "info", data: "again" }),
        Effect.sync(() => message.pollUnsafe())
      )
      yield* eventually("what the relay says on its stream", said, (exit) => exit !== undefined)
      assert.strictEqual((yield* Fiber.join(message)).params?.["data"], "again")
    }))

  it.effect("a POST's stream resumed after our own crash is told at once that the outcome is unknown", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const request = stepwise(2)
      const stream = yield* agent.open(request)
      yield* relay.control.step
      const { eventId } = yield* stream.message
      yield* daemon.kill
      yield* daemon.restart()
      const resumed = yield* agent.get(eventId)
      const told = yield* resumed.message
      assert.strictEqual(told.id, request.id)
      assert.strictEqual(told.error?.code, -31002)
      assert.strictEqual(told.error?.data?.["delivery"], "unknown")
      assert.deepStrictEqual(yield* resumed.rest, [])
    }))

  it.effect("a GET that our own crash cut off goes on, on the same session, with what the relay says from then on", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const log = (data: string) => relay.control.notify("notifications/message", { level: "info", data })
      const before = (yield* relay.control.counts).streams
      const stream = yield* agent.get()
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > before)
      yield* log("before")
      const { eventId } = yield* stream.message
      yield* daemon.kill
      yield* eventually("the end of the relay's stream", relay.control.counts, ({ streams }) => streams === 0)
      yield* daemon.restart()
      const resumed = yield* agent.get(eventId)
      assert.strictEqual(resumed.status, 200)
      yield* eventually("the relay's stream, again", relay.control.counts, ({ streams }) => streams > 0)
      yield* log("after")
      assert.strictEqual((yield* resumed.message).params?.["data"], "after")
    }))
})

describe("a relay that replays", () => {
  it.live("is asked to, where the connection to its stream broke: nothing that it says meanwhile is lost", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ resumable: true })
      const through = yield* Proxy.start(relay.port)
      const daemon = yield* Daemon.start({ relayUrl: through.url })
      const agent = yield* rawAgent(daemon)
      const log = (data: string) => relay.control.notify("notifications/message", { level: "info", data })
      const stream = yield* agent.get()
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > 0)
      yield* log("one")
      assert.strictEqual((yield* stream.message).params?.["data"], "one")
      yield* through.cut
      yield* eventually("the end of the relay's stream", relay.control.counts, ({ streams }) => streams === 0)
      yield* log("two")
      assert.strictEqual((yield* stream.message).params?.["data"], "two")
    }))
})
