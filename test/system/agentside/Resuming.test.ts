import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Clients, officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { nextId, type RawAgent, rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const live = { excludeTestServices: true }

const stepwise = (steps: number, progressToken: string | number = "p") => ({
  id: nextId(),
  method: "tools/call",
  params: { name: "stepwise", arguments: { steps }, _meta: { progressToken } }
})

const log = (relay: TestRelay, data: string) => relay.control.notify("notifications/message", { level: "info", data })

const relayStreams = (relay: TestRelay, count: number) =>
  eventually(`${count} streams of the relay's`, relay.control.counts, ({ streams }) => streams === count)

/** What a GET brings until it is dropped: the last event's id. */
const heard = <E>(agent: RawAgent, until: Effect.Effect<unknown, E>, data: string) =>
  Effect.scoped(Effect.gen(function*() {
    const stream = yield* agent.get()
    yield* until
    const message = yield* stream.message
    assert.strictEqual(message.params?.["data"], data)
    return message.eventId
  }))

layer(Rig.layer(), live)("progress", (it) => {
  const ticks = (seen: Array<number>) => ({
    onProgress: ({ progress }: { progress: number }) => void seen.push(progress)
  })

  for (
    const { client, connect } of [
      ...officialClients,
      {
        client: "client 2.4, modern,",
        connect: (url: string, options: object) => Clients.client(url, { ...options, modern: true })
      }
    ]
  ) {
    it.effect(`of calls at the same time comes to each by its own token: ${client} twice over`, () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const agents = yield* Effect.all([0, 1].map(() => connect(daemon.url, { secret: daemon.secret })))
        const calls = agents.flatMap((agent) => [2, 3, 5].map((steps) => ({ agent, steps })))
        yield* Effect.forEach(calls, ({ agent, steps }) =>
          Effect.gen(function*() {
            const seen: Array<number> = []
            yield* agent.call("slow", { millis: 300, steps }, ticks(seen))
            assert.deepStrictEqual(seen, Array.from({ length: steps }, (_, step) => step + 1))
          }), { concurrency: "unbounded" })
      }))
  }

  it.effect("of two streams of one session stays apart, beside the session's own stream", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const own = yield* agent.get()
      const one = yield* agent.open(stepwise(2, "one"))
      const two = yield* agent.open(stepwise(1, 2))
      for (let step = 0; step < 3; step++) yield* relay.control.step
      const tokens = (lines: ReadonlyArray<{ readonly data?: string }>) =>
        lines.flatMap(({ data }) => data ? [JSON.parse(data).params?.progressToken ?? "answer"] : [])
      assert.deepStrictEqual(tokens(yield* two.rest), [2, "answer"])
      assert.deepStrictEqual(tokens(yield* one.rest), ["one", "one", "answer"])
      assert.strictEqual((yield* own.next).comment, "connected")
      yield* log(relay, "to the session")
      assert.strictEqual((yield* own.message).params?.["data"], "to the session")
    }))
})

layer(Rig.layer(), live)("a message on a session with two GET streams", (it) => {
  it.effect("goes to one of them only, the newer; when that is gone, to the other", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const before = (yield* relay.control.counts).streams
      const older = yield* agent.get()
      yield* relayStreams(relay, before + 1)
      yield* log(relay, "one")
      assert.strictEqual((yield* older.message).params?.["data"], "one")
      yield* Effect.scoped(Effect.gen(function*() {
        const newer = yield* agent.get()
        assert.strictEqual((yield* newer.next).comment, "connected")
        yield* log(relay, "two")
        assert.strictEqual((yield* newer.message).params?.["data"], "two")
      }))
      const three = yield* Effect.forkScoped(older.message)
      yield* eventually(
        "the end of the newer one",
        Effect.as(Effect.andThen(log(relay, "three"), Effect.sleep("50 millis")), three),
        (fiber) => fiber.pollUnsafe() !== undefined
      )
      assert.strictEqual((yield* Fiber.join(three)).params?.["data"], "three")
    }))
})

describe.concurrent("over a restart", () => {
  it.live("of the relay, a POST's stream that its client had dropped is resumed, and told what is known of its call", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* holdfast(new URL(relay.url))
      const agent = yield* rawAgent(daemon)
      const request = stepwise(3)
      const seen = yield* Effect.scoped(Effect.gen(function*() {
        const stream = yield* agent.open(request)
        yield* relay.control.step
        return (yield* stream.message).eventId
      }))
      yield* relay.restart()
      const resumed = yield* agent.get(seen)
      const told = yield* resumed.message
      assert.strictEqual(told.id, request.id)
      assert.strictEqual(told.error?.code, -31002)
      assert.strictEqual(told.error?.data?.["delivery"], "unknown")
      assert.deepStrictEqual(yield* resumed.rest, [])
      assert.isDefined((yield* agent.call("echo", { text: "next" })).answer.result)
    }))

  it.live("of the relay, a GET stream that its client had dropped goes on behind the last event, with what came meanwhile", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* holdfast(new URL(relay.url))
      const agent = yield* rawAgent(daemon)
      const seen = yield* heard(agent, Effect.andThen(relayStreams(relay, 1), log(relay, "one")), "one")
      yield* log(relay, "two")
      yield* relay.restart()
      yield* relayStreams(relay, 1)
      yield* log(relay, "three")
      const resumed = yield* agent.get(seen)
      for (const data of ["two", "three"]) assert.strictEqual((yield* resumed.message).params?.["data"], data)
    }))

  it.live("of the relay, a question that the agent has yet to answer is taken back, and its late answer goes to nobody", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* holdfast(new URL(relay.url))
      const agent = yield* rawAgent(daemon, { capabilities: { elicitation: { form: {} } } })
      const stream = yield* agent.get()
      yield* relayStreams(relay, 1)
      const call = yield* Effect.forkScoped(agent.call("elicit"))
      const question = yield* stream.message
      assert.strictEqual(question.method, "elicitation/create")

      yield* relay.restart()
      assert.strictEqual((yield* Fiber.join(call)).answer.error?.code, -31002)
      const taken = yield* stream.message
      assert.strictEqual(taken.method, "notifications/cancelled")
      assert.strictEqual(taken.params?.["requestId"], question.id)
      yield* relayStreams(relay, 1)

      yield* relay.forgetRequests
      const late = { action: "accept", content: { yes: false } }
      assert.strictEqual((yield* agent.post({ id: question.id, result: late })).status, 202)
      const again = yield* Effect.forkScoped(agent.call("elicit"))
      const next = yield* stream.message
      assert.strictEqual(next.method, "elicitation/create")
      yield* agent.post({ id: next.id, result: { action: "accept", content: { yes: true } } })
      const { answer } = yield* Fiber.join(again)
      assert.deepStrictEqual(answer.result?.["structuredContent"], { go: { action: "accept", content: { yes: true } } })
      const answers = (yield* relay.requests).filter(({ body }) => body.includes(`"action"`))
      assert.strictEqual(answers.length, 1)
    }))

  it.live("of Holdfast, that was asked for, a GET stream is told when to come back, and goes on; a POST's stream is told what is known", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const agent = yield* rawAgent(daemon)
      const stream = yield* agent.get()
      yield* relayStreams(relay, 1)
      yield* log(relay, "one")
      const { eventId } = yield* stream.message
      const request = stepwise(2)
      const post = yield* agent.open(request)
      yield* relay.control.step
      const seen = (yield* post.message).eventId
      assert.strictEqual((yield* daemon.terminate).code, 0)
      assert.isTrue((yield* stream.rest).some(({ retry }) => retry === "1000"))
      yield* daemon.restart()
      const resumed = yield* agent.get(eventId)
      yield* relayStreams(relay, 1)
      yield* log(relay, "two")
      assert.strictEqual((yield* resumed.message).params?.["data"], "two")
      const told = yield* (yield* agent.get(seen)).message
      assert.strictEqual(told.id, request.id)
      assert.strictEqual(told.error?.data?.["delivery"], "unknown")
    }))
})
