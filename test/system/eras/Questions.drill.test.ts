import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Clients, type ConnectOptions } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"
import { callsOf } from "./callsOf.ts"
import { answerIn, envelope, post, request } from "./RawModern.ts"

const ways = [
  { agent: "a legacy agent (sdk 1.32)", relayEra: "modern", connect: Clients.sdk, modern: false },
  { agent: "a legacy agent (client 2.4)", relayEra: "modern", connect: Clients.client, modern: false },
  { agent: "a modern agent", relayEra: "legacy", connect: Clients.client, modern: true }
] as const

/** What the relay asked last can be gone on with: Holdfast has it, and knows where the relay's answer can be read on. */
const isOnDisk = (daemon: Daemon, key: string) =>
  eventually(
    "the question on disk",
    Effect.sync(() => {
      const database = new DatabaseSync(join(daemon.dataDir, "holdfast.db"), { readOnly: true })
      try {
        return database.prepare("SELECT questions FROM asked_calls").all().some((row) =>
          String(row["questions"]).includes(key)
        )
      } finally {
        database.close()
      }
    }),
    (found) => found
  )

/** A client that is asked, and answers when the test says so. */
const asked = Effect.fnUntraced(function*(
  way: typeof ways[number],
  daemon: Daemon,
  options: ConnectOptions = {}
) {
  const questions: Array<string> = []
  const isAsked = yield* Deferred.make<void>()
  const mayAnswer = yield* Deferred.make<void>()
  const client = yield* way.connect(daemon.url, {
    secret: daemon.secret,
    modern: way.modern,
    obliging: true,
    onQuestion: async (method) => {
      questions.push(method)
      await Effect.runPromise(Effect.andThen(Deferred.succeed(isAsked, undefined), Deferred.await(mayAnswer)))
    },
    ...options
  })
  return {
    client,
    questions,
    isAsked: Deferred.await(isAsked),
    answer: Deferred.succeed(mayAnswer, undefined)
  }
})

for (const way of ways) {
  layer(Rig.layer({ relay: { era: way.relayEra } }), { excludeTestServices: true })(
    `${way.agent} in front of a relay of the ${way.relayEra} era`,
    (it) => {
      it.effect("is asked all at once and again, and each answer reaches the relay", () =>
        Effect.gen(function*() {
          const { daemon } = yield* Rig
          const { answer, client, questions } = yield* asked(way, daemon)
          yield* answer
          const all = JSON.stringify(yield* client.call("ask_all"))
          for (const part of ["accept", "a model's words", "file:///work"]) assert.include(all, part)
          assert.deepStrictEqual([...questions].sort(), ["elicitation/create", "roots/list", "sampling/createMessage"])
          assert.include(JSON.stringify(yield* client.call("elicit_twice")), "accept")
          assert.strictEqual(questions.length, 5)
        }))

      it.effect("is asked on the relay's own stream, too", () =>
        Effect.gen(function*() {
          const { daemon } = yield* Rig
          const { answer, client, questions } = yield* asked(way, daemon)
          yield* answer
          assert.include(JSON.stringify(yield* client.call("elicit_apart")), "accept")
          assert.strictEqual(questions.length, 1)
        }))

      it.effect("is not asked what its client does not declare", () =>
        Effect.gen(function*() {
          const { daemon } = yield* Rig
          const client = yield* way.connect(daemon.url, { secret: daemon.secret, modern: way.modern })
          const said = yield* client.call("elicit").pipe(
            Effect.timeout("20 seconds"),
            Effect.map((result) => JSON.stringify(result)),
            Effect.catch((error) => Effect.succeed(error.message))
          )
          assert.match(said, /elicitation/)
          assert.notInclude(said, "accept")
        }))
    }
  )
}

describe("a question across the eras, while the agent is asked,", () => {
  for (const way of ways) {
    const tool = way.modern ? "elicit_and_read" : "elicit"

    it.live(`is asked once and answered once over a crash of Holdfast: ${way.agent}`, () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era: way.relayEra })
        // Official clients come again twice and soon: the port stays bound.
        const daemon = yield* Daemon.start({ relayUrl: relay.url, supervised: true })
        const { answer, client, isAsked, questions } = yield* asked(way, daemon)
        yield* client.toolNames
        const call = yield* Effect.forkChild(client.call(tool))
        yield* isAsked
        const killed = yield* daemon.servingPid
        process.kill(killed, "SIGKILL")
        // No client says again what it said to a connection that broke.
        yield* eventually("another daemon", daemon.servingPid, (pid) => pid !== 0 && pid !== killed)
        yield* answer
        assert.include(JSON.stringify(yield* Fiber.join(call)), "accept")
        assert.deepStrictEqual(questions, ["elicitation/create"])
      }))

    it.live(`is asked once and answered once over a restart of the relay: ${way.agent}`, () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ era: way.relayEra })
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const { answer, client, isAsked, questions } = yield* asked(way, daemon)
        yield* client.toolNames
        const call = yield* Effect.forkChild(client.call(tool))
        yield* isAsked
        yield* relay.kill
        yield* answer
        yield* relay.restart()
        assert.include(JSON.stringify(yield* Fiber.join(call)), "accept")
        assert.deepStrictEqual(questions, ["elicitation/create"])
      }))
  }

  it.live("goes on over a clean stop of Holdfast, and an agent that saw none of it is asked on the stream it resumes", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "modern" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const agent = yield* rawAgent(daemon, { capabilities: { elicitation: {} } })
      const stream = yield* agent.open({ id: 7, method: "tools/call", params: { name: "elicit", arguments: {} } })
      const priming = yield* stream.next
      const question = yield* stream.message
      assert.strictEqual(question.method, "elicitation/create")
      yield* daemon.restart()
      // As a client that had read the first event alone.
      const resumed = yield* agent.get(priming.id)
      const again = yield* resumed.message
      assert.deepStrictEqual([again.method, again.id], [question.method, question.id])
      const told = yield* agent.post({ id: again.id, result: { action: "accept", content: { yes: true } } })
      assert.strictEqual(told.status, 202)
      const answer = yield* resumed.message
      assert.strictEqual(answer.id, 7)
      assert.include(JSON.stringify(answer.result), "accept")
    }))

  it.live("goes on over a crash of Holdfast, is told of as nothing lost, and answers an agent that comes after its answer", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "modern" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const agent = yield* rawAgent(daemon, { capabilities: { elicitation: {} } })
      const stream = yield* agent.open({ id: 7, method: "tools/call", params: { name: "elicit", arguments: {} } })
      const question = yield* stream.message
      // After a second a call is written down as under way; this one waits for its agent alone.
      yield* Effect.sleep("1500 millis")
      yield* daemon.kill
      yield* daemon.restart()
      assert.deepStrictEqual((yield* daemon.admin("/api/results")).body, { results: [], next: null })
      const told = yield* agent.post({ id: question.id, result: { action: "accept", content: { yes: true } } })
      assert.strictEqual(told.status, 202)
      yield* callsOf(relay, "elicit", 2)
      // The answer is there by now, or in a moment: who comes for it gets it either way, and as often as it comes.
      for (const pause of ["300 millis", "0 millis"] as const) {
        yield* Effect.sleep(pause)
        const resumed = yield* agent.get(question.eventId)
        const answer = yield* resumed.message
        assert.strictEqual(answer.id, 7)
        assert.include(JSON.stringify(answer.result), "accept")
      }
    }))

  for (const [how, end] of [["killed", "kill"], ["stopped", "terminate"]] as const) {
    it.live(
      `goes on with a relay of the legacy era whose stream can be read on, with Holdfast ${how} at each question`,
      () =>
        Effect.gen(function*() {
          const relay = yield* TestRelay.start({ era: "legacy", resumable: true })
          const daemon = yield* Daemon.start({ relayUrl: relay.url })
          const capable = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } }
          const round = (more: object = {}) =>
            Effect.map(
              post(
                daemon,
                "tools/call",
                request("tools/call", { name: "elicit_twice", arguments: {}, _meta: capable, ...more }),
                { "mcp-name": "elicit_twice" }
              ),
              (said) => JSON.parse(answerIn(said))
            )
          let said = yield* round()
          const asked = new Set<string>()
          for (const yes of [true, false]) {
            assert.strictEqual(said.result.resultType, "input_required", JSON.stringify(said))
            const [key = ""] = Object.keys(said.result.inputRequests)
            asked.add(key)
            yield* isOnDisk(daemon, key)
            yield* daemon[end]
            yield* daemon.restart()
            said = yield* round({
              requestState: said.result.requestState,
              inputResponses: { [key]: { action: "accept", content: { yes } } }
            })
          }
          // The same words the second time are another question.
          assert.strictEqual(asked.size, 2)
          assert.deepStrictEqual(said.result.structuredContent, { go: { action: "accept", content: { yes: false } } })
          assert.strictEqual((yield* callsOf(relay, "elicit_twice", 1)).length, 1)
        }),
      60_000
    )
  }

  it.live("is lost with a relay of the legacy era where the call must not be repeated, and the agent is told so", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ era: "legacy" })
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const capable = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } }
      const round = (more: object) =>
        Effect.map(
          post(
            daemon,
            "tools/call",
            request("tools/call", { name: "elicit", arguments: {}, _meta: capable, ...more }),
            { "mcp-name": "elicit" }
          ),
          (said) => JSON.parse(answerIn(said))
        )
      const { result } = yield* round({})
      assert.strictEqual(result.resultType, "input_required")
      const [key = ""] = Object.keys(result.inputRequests)
      assert.strictEqual(result.inputRequests[key].method, "elicitation/create")
      yield* daemon.kill
      yield* daemon.restart()
      const { error } = yield* round({
        requestState: result.requestState,
        inputResponses: { [key]: { action: "accept", content: { yes: true } } }
      })
      assert.strictEqual(error.data.delivery, "unknown")
      assert.match(error.message, /may have been carried out/)
      assert.strictEqual((yield* callsOf(relay, "elicit", 1)).length, 1)
    }))
})
