import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { defaultRelay, SessionId } from "../../../../src/domain/Ids.ts"
import type { Ahead } from "../../../../src/mcp/handlers/Handler.ts"
import * as InputRounds from "../../../../src/mcp/handlers/InputRounds.ts"
import type { AgentSession } from "../../../../src/mcp/sessions/AgentSession.ts"
import { RoundStore } from "../../../../src/mcp/sessions/RoundStore.ts"
import type { EventLog } from "../../../../src/mcp/streams/EventLog.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { LinkState, RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import type { FinalAnswer } from "../../../../src/relay/RelayClient.ts"
import { ConnectFailed, ConnectionLost, RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import * as Migrations from "../../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../../src/storage/SqliteClient.ts"
import { agentSession } from "../../../support/agentSession.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

const capabilities = { elicitation: {}, sampling: {}, roots: {} }
const sent = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"deploy","arguments":{}}}`
const form = { method: "elicitation/create", params: { message: "Sure?" } }
const roots = { method: "roots/list" }
const model = { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } }
const yes = { action: "accept", content: { sure: true } }

/** What a relay says that requires input. */
const needs = (inputRequests: object, requestState?: string): string =>
  JSON.stringify({ resultType: "input_required", inputRequests, requestState })

const final = (text: string, needsInput?: string): FinalAnswer => ({
  status: 200,
  headers: {},
  body: { _tag: "Whole", text },
  ...(needsInput === undefined ? {} : { needsInput })
})
const done = final(`{"jsonrpc":"2.0","id":7,"result":{"content":[]}}`)
const textOf = ({ body }: FinalAnswer) => body._tag === "Whole" ? body.text : ""

const notSent = new RelayFailure({ reason: new ConnectFailed({ detail: "refused" }) })
const cutOff = new RelayFailure({ reason: new ConnectionLost({ detail: "reset" }) })

interface Sent {
  readonly as: string
  readonly params: Readonly<Record<string, unknown>>
}

const up = LinkState.Up({ since: 0 })
const down = LinkState.Down({ since: 0, attempts: 1, nextProbeAt: 1, why: "it is away" })

/** One life of Holdfast, over the database of the test. The relay answers what it is sent by `answers`, in order. */
const life = Effect.fnUntraced(function*(
  answers: ReadonlyArray<Effect.Effect<FinalAnswer, RelayFailure>> = [],
  settings: Parameters<typeof settingsFrom>[0] = {}
) {
  const link = yield* SubscriptionRef.make<LinkState>(up)
  const services = yield* Layer.build(
    Layer.fresh(Layer.merge(RoundStore.layer, EventLogs.layer)).pipe(
      Layer.provideMerge(Layer.mergeAll(
        Layer.mock(RelayLink, { changes: SubscriptionRef.changes(link), state: SubscriptionRef.get(link) }),
        Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} }),
        Layer.succeed(Settings, settingsFrom(settings))
      ))
    )
  )
  const heard: Array<Sent> = []
  const again: InputRounds.Asking["again"] = (text, as) =>
    Effect.suspend(() => {
      heard.push({ as, params: JSON.parse(text).params })
      return answers[heard.length - 1] ?? Effect.die(new Error("nobody expected a further round"))
    })
  const rounds = yield* Effect.provide(InputRounds.make(() => again), services)

  /** A session of this name, known from an earlier life or new. */
  const session = (id = "mine", able: object = capabilities) =>
    Effect.provide(agentSession({ id, capabilities: able }), services)

  /** A request whose first answer required this; `log` is its stream to the agent. */
  const begin = Effect.fnUntraced(function*(of: AgentSession, required: string, survives = true) {
    const log = yield* Effect.map(
      Effect.provide(EventLogs, services),
      (logs) => logs.make({ session: of.id, requestId: "7" })
    )
    const ahead: Ahead = {
      offer: (data) => {
        log.append(data)
        return true
      },
      message: (data) => Effect.sync(() => log.append(data)),
      position: () => ({ stream: log.id, sequence: log.last }),
      relayStreams: () => {},
      relayPolls: () => {}
    }
    const asking = { session: of, requestId: "7", survives, sent, headers: {}, ahead, again }
    const fiber = yield* Effect.forkChild(Effect.scoped(rounds.complete(asking, required)), { startImmediately: true })
    return { log, fiber, end: Fiber.join(fiber) }
  })

  return {
    rounds,
    session,
    begin,
    heard,
    link,
    onDisk: Effect.provide(Effect.flatMap(RoundStore, (store) => store.ofSession(SessionId.make("mine"))), services)
  }
})

/** What is on a stream to an agent by now. */
const eventsOf = (log: EventLog): ReadonlyArray<{ readonly id?: string; readonly method?: string }> => {
  const reader = log.reader(0)
  const events: Array<{ readonly id?: string }> = []
  for (let event = reader.take(); typeof event !== "string"; event = reader.take()) events.push(JSON.parse(event.data))
  reader.close()
  return events
}

/** The ids of the questions on it, as they stand in the agent's answers. */
const asked = (log: EventLog) =>
  eventsOf(log).flatMap(({ id, method }) => method === undefined ? [] : [JSON.stringify(id)])

const answer = (id: string, result: object) => `{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}`

const ofDatabase = Effect.provide(Layer.fresh(Database))

describe("a relay's questions to an agent with a session", () => {
  it.effect("are asked once each, answered once each, and go back under the relay's own names", () =>
    Effect.gen(function*() {
      const { begin, heard, onDisk, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form, where: roots }, "opaque"))
      const [first, second] = asked(log)
      assert.lengthOf(asked(log), 2)
      assert.deepStrictEqual(eventsOf(log).map(({ method }) => method), ["elicitation/create", "roots/list"])
      assert.isTrue(yield* rounds.answered(mine, second!, answer(second!, { roots: [] })))
      assert.deepStrictEqual(heard, [])
      // The second time the same question is answered it is nobody's.
      assert.isFalse(yield* rounds.answered(mine, second!, answer(second!, { roots: [{ uri: "file:///other" }] })))
      assert.isTrue(yield* rounds.answered(mine, first!, answer(first!, yes)))
      assert.strictEqual(yield* end, done)
      assert.lengthOf(heard, 1)
      assert.deepInclude(heard[0]!.params, {
        name: "deploy",
        inputResponses: { sure: yes, where: { roots: [] } },
        requestState: "opaque"
      })
      assert.notStrictEqual(heard[0]!.as, "7")
      assert.isFalse(yield* rounds.answered(mine, first!, answer(first!, yes)))
      assert.lengthOf(asked(log), 2)
      assert.deepStrictEqual(yield* onDisk, [])
    }).pipe(ofDatabase))

  it.effect("stay open, whatever else that session answers", () =>
    Effect.gen(function*() {
      const { begin, heard, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form }))
      const [first] = asked(log)
      assert.isFalse(yield* rounds.answered(mine, `"of nobody"`, answer(`"of nobody"`, {})))
      assert.isUndefined(yield* rounds.resumed(mine, "7", "a stream that is gone", 0))
      assert.isTrue(yield* rounds.answered(mine, first!, answer(first!, yes)))
      assert.strictEqual(yield* end, done)
      assert.lengthOf(heard, 1)
    }).pipe(ofDatabase))

  it.effect("come in as many rounds as the relay takes, each under ids of its own", () =>
    Effect.gen(function*() {
      const { begin, heard, rounds, session } = yield* life([
        Effect.succeed(final("", needs({ sure: form }, "second"))),
        Effect.succeed(done)
      ])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form }, "first"))
      const [first] = asked(log)
      yield* rounds.answered(mine, first!, answer(first!, yes))
      yield* TestClock.adjust("1 second")
      const [, second] = asked(log)
      assert.notStrictEqual(second, first)
      yield* rounds.answered(mine, second!, answer(second!, { action: "decline" }))
      assert.strictEqual(yield* end, done)
      assert.deepStrictEqual(heard.map(({ params }) => params["requestState"]), ["first", "second"])
      assert.deepStrictEqual(heard[1]!.params["inputResponses"], { sure: { action: "decline" } })
      assert.lengthOf(new Set(heard.map(({ as }) => as)), 2)
    }).pipe(ofDatabase))

  it.effect("are none where the relay only wants its state back: that goes a second later", () =>
    Effect.gen(function*() {
      const { begin, heard, onDisk, session } = yield* life([Effect.succeed(done)])
      const { end, log } = yield* begin(yield* session(), needs({}, "come again"))
      assert.deepStrictEqual(yield* onDisk, [])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* end, done)
      assert.deepStrictEqual(asked(log), [])
      assert.strictEqual(heard[0]!.params["requestState"], "come again")
      assert.notProperty(heard[0]!.params, "inputResponses")
    }).pipe(ofDatabase))
})

describe("over a restart of Holdfast", () => {
  it.effect("a question that was answered is not asked again, one that was not seen is, and all reach the relay", () =>
    Effect.gen(function*() {
      const before = yield* life()
      const earlier = yield* before.session()
      const { log: lost } = yield* before.begin(earlier, needs({ sure: form, where: roots, words: model }, "s"))
      const [first, second, third] = asked(lost)
      yield* before.rounds.answered(earlier, first!, answer(first!, yes))
      assert.isTrue(before.rounds.survives(earlier, "7"))

      const { heard, onDisk, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      // The agent read its first stream up to the second question.
      const log = yield* rounds.resumed(mine, "7", lost.id, 2)
      assert.isDefined(log)
      assert.deepStrictEqual(asked(log!), [third])
      assert.isTrue(rounds.survives(mine, "7"))
      // It comes again, and is not asked again what it was asked here.
      assert.strictEqual(yield* rounds.resumed(mine, "7", log!.id, 1), log)
      assert.deepStrictEqual(asked(log!), [third])
      assert.isFalse(yield* rounds.answered(mine, first!, answer(first!, { action: "decline" })))
      assert.isTrue(yield* rounds.answered(mine, third!, answer(third!, { role: "assistant" })))
      assert.isTrue(yield* rounds.answered(mine, second!, answer(second!, { roots: [] })))
      yield* mine.idle
      assert.deepStrictEqual(heard.map(({ params }) => params["inputResponses"]), [
        { sure: yes, where: { roots: [] }, words: { role: "assistant" } }
      ])
      assert.deepStrictEqual(eventsOf(log!).at(-1), JSON.parse(textOf(done)))
      assert.deepStrictEqual(yield* onDisk, [])
    }).pipe(ofDatabase))

  it.effect("an answer that comes before its agent comes for the stream is taken, and the stream has the end", () =>
    Effect.gen(function*() {
      const before = yield* life()
      const { log: lost } = yield* before.begin(yield* before.session(), needs({ sure: form }))
      const [first] = asked(lost)
      const { heard, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      assert.isTrue(yield* rounds.answered(mine, first!, answer(first!, yes)))
      yield* mine.idle
      assert.lengthOf(heard, 1)
      const log = yield* rounds.resumed(mine, "7", lost.id, 0)
      assert.deepStrictEqual(eventsOf(log!), [JSON.parse(textOf(done))])
    }).pipe(ofDatabase))

  it.effect("what was answered in full goes on by itself, once its session is looked at", () =>
    Effect.gen(function*() {
      const before = yield* life()
      yield* SubscriptionRef.set(before.link, down)
      const earlier = yield* before.session()
      const { log: lost } = yield* before.begin(earlier, needs({ sure: form }))
      const [first] = asked(lost)
      yield* before.rounds.answered(earlier, first!, answer(first!, yes))
      assert.deepStrictEqual(before.heard, [])

      const { heard, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      const log = yield* rounds.resumed(mine, "7", lost.id, 0)
      yield* mine.idle
      assert.lengthOf(heard, 1)
      assert.deepStrictEqual(asked(log!), [])
    }).pipe(ofDatabase))

  it.effect("a clean stop leaves what waits, and a request that its agent took back leaves nothing", () =>
    Effect.gen(function*() {
      const before = yield* life()
      const earlier = yield* before.session()
      const { fiber: cancelled, log } = yield* before.begin(earlier, needs({ sure: form }))
      yield* Fiber.interrupt(cancelled)
      assert.deepStrictEqual(yield* before.onDisk, [])
      const [first] = asked(log)
      assert.isFalse(yield* before.rounds.answered(earlier, first!, answer(first!, yes)))

      const { fiber: stopped } = yield* before.begin(earlier, needs({ sure: form }))
      yield* earlier.stopRequests
      yield* Fiber.interrupt(stopped)
      assert.lengthOf(yield* before.onDisk, 1)
    }).pipe(ofDatabase))

  it.effect("nothing is known of a request that may not go on", () =>
    Effect.gen(function*() {
      const { begin, onDisk, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form }), false)
      assert.deepStrictEqual(yield* onDisk, [])
      assert.isFalse(rounds.survives(mine, "7"))
      const [first] = asked(log)
      assert.isTrue(yield* rounds.answered(mine, first!, answer(first!, yes)))
      assert.strictEqual(yield* end, done)
      assert.deepStrictEqual(yield* onDisk, [])
    }).pipe(ofDatabase))
})

describe("the state of one agent's request", () => {
  it.effect("is no other session's: neither to answer nor to resume", () =>
    Effect.gen(function*() {
      const { begin, heard, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form }))
      const [first] = asked(log)
      const theirs = yield* session("theirs")
      assert.isFalse(yield* rounds.answered(theirs, first!, answer(first!, { action: "decline" })))
      assert.isUndefined(yield* rounds.resumed(theirs, "7", log.id, 0))
      assert.isFalse(rounds.survives(theirs, "7"))
      assert.isTrue(yield* rounds.answered(mine, first!, answer(first!, yes)))
      assert.strictEqual(yield* end, done)
      assert.deepStrictEqual(heard[0]!.params["inputResponses"], { sure: yes })
    }).pipe(ofDatabase))

  it.effect("is no other session's after a restart", () =>
    Effect.gen(function*() {
      const before = yield* life()
      const { log: lost } = yield* before.begin(yield* before.session(), needs({ sure: form }))
      const [first] = asked(lost)
      const { heard, onDisk, rounds, session } = yield* life()
      const theirs = yield* session("theirs")
      assert.isFalse(yield* rounds.answered(theirs, first!, answer(first!, yes)))
      assert.isUndefined(yield* rounds.resumed(theirs, "7", lost.id, 0))
      const mine = yield* session()
      assert.isDefined(yield* rounds.resumed(mine, "7", lost.id, 0))
      assert.isFalse(yield* rounds.answered(theirs, first!, answer(first!, yes)))
      assert.deepStrictEqual(heard, [])
      assert.isNull((yield* onDisk)[0]!.questions[0]!.answer)
    }).pipe(ofDatabase))
})

describe("what cannot be asked or answered", () => {
  const refused = Effect.fnUntraced(function*(required: string, able: object = capabilities) {
    const { begin, heard, onDisk, session } = yield* life()
    const { end, log } = yield* begin(yield* session("mine", able), required)
    const text = textOf(yield* end)
    assert.deepStrictEqual(asked(log), [])
    assert.deepStrictEqual(heard, [])
    assert.deepStrictEqual(yield* onDisk, [])
    return JSON.parse(text)
  })

  it.effect("is refused under the request's id before anything is asked", () =>
    Effect.gen(function*() {
      const undeclared = yield* refused(needs({ sure: form, words: model }), { elicitation: {} })
      assert.strictEqual(undeclared.id, 7)
      assert.include(undeclared.error.message, "sampling/createMessage")
      assert.include((yield* refused(needs({ other: { method: "tools/call" } }))).error.message, "tools/call")
      assert.include((yield* refused(needs({}))).error.message, "did not say which")
      const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`q${index}`, form]))
      assert.include((yield* refused(needs(many))).error.message, "101 answers at once")
    }).pipe(ofDatabase))

  it.effect("is refused where a relay asks tens of thousands of questions, or says megabytes, without going through them", () =>
    Effect.gen(function*() {
      const { begin, heard, onDisk, session } = yield* life()
      const mine = yield* session()
      const many = Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`k${index}`, { method: "x" }]))
      const foreign = yield* begin(mine, needs(many))
      assert.include(textOf(yield* foreign.end), "x, which this client does not say")
      const asks = Object.fromEntries(Object.keys(many).slice(0, 20_000).map((key) => [key, roots]))
      assert.include(textOf(yield* (yield* begin(mine, needs(asks))).end), "20000 answers at once")
      const long = yield* begin(mine, needs({ a: form }, "s".repeat(1024 * 1024)))
      assert.include(textOf(yield* long.end), "1048576 characters")
      const none = yield* begin(mine, `{"resultType":"input_required","inputRequests":{"a":{"method":"\\q"}}}`)
      assert.include(textOf(yield* none.end), "no JSON")
      assert.deepStrictEqual(heard, [])
      assert.deepStrictEqual(yield* onDisk, [])
    }).pipe(Effect.provide(Database)))

  it.effect("ends the request where the client answers with an error; a form counts as cancelled", () =>
    Effect.gen(function*() {
      const error = (id: string) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-1,"message":"no model here"}}`
      const { begin, heard, onDisk, rounds, session } = yield* life([Effect.succeed(done)])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ words: model }))
      const [first] = asked(log)
      yield* rounds.answered(mine, first!, error(first!))
      assert.include(JSON.parse(textOf(yield* end)).error.message, "no model here")
      assert.deepStrictEqual(heard, [])
      assert.deepStrictEqual(yield* onDisk, [])

      const form_ = yield* begin(mine, needs({ sure: form }))
      const [second] = asked(form_.log)
      yield* rounds.answered(mine, second!, error(second!))
      assert.strictEqual(yield* form_.end, done)
      assert.deepStrictEqual(heard[0]!.params["inputResponses"], { sure: { action: "cancel" } })
    }).pipe(ofDatabase))

  it.effect("ends the request when nobody answers in the time of a call, and an answer after that is nobody's", () =>
    Effect.gen(function*() {
      const { begin, heard, onDisk, rounds, session } = yield* life([], { link: { callTimeout: "10 minutes" } })
      const mine = yield* session()
      const { end, fiber, log } = yield* begin(mine, needs({ sure: form }))
      const [first] = asked(log)
      yield* TestClock.adjust("9 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.include(JSON.parse(textOf(yield* end)).error.message, "got none in 10m")
      assert.deepStrictEqual(yield* onDisk, [])
      assert.isFalse(yield* rounds.answered(mine, first!, answer(first!, yes)))
      assert.deepStrictEqual(heard, [])
    }).pipe(ofDatabase))

  it.effect("ends the request of a relay that asks for more than a hundred rounds", () =>
    Effect.gen(function*() {
      const more = Effect.succeed(final("", needs({}, "again")))
      const { begin, end, heard } = yield* Effect.gen(function*() {
        const one = yield* life(Array.from({ length: 200 }, () => more))
        return { ...one, ...yield* one.begin(yield* one.session(), needs({}, "again")) }
      })
      assert.isDefined(begin)
      yield* TestClock.adjust("5 minutes")
      assert.include(JSON.parse(textOf(yield* end)).error.message, "more than 100 times")
      assert.lengthOf(heard, 100)
    }).pipe(ofDatabase))
})

describe("answers on their way to the relay", () => {
  it.effect("wait on disk for one that is away, and are tried again where they were not sent", () =>
    Effect.gen(function*() {
      const mayFail = yield* Deferred.make<void>()
      const { begin, heard, link, onDisk, rounds, session } = yield* life([
        Effect.andThen(Deferred.await(mayFail), Effect.fail(notSent)),
        Effect.succeed(done)
      ])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form }))
      const [first] = asked(log)
      yield* SubscriptionRef.set(link, down)
      yield* rounds.answered(mine, first!, answer(first!, yes))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(heard, [])
      assert.lengthOf(yield* onDisk, 1)
      yield* SubscriptionRef.set(link, up)
      yield* TestClock.adjust("1 second")
      // On their way: what becomes of them now would be unknown after a crash, so the disk would not send them again.
      assert.lengthOf(heard, 1)
      assert.deepStrictEqual(yield* onDisk, [])
      yield* SubscriptionRef.set(link, down)
      yield* Deferred.succeed(mayFail, undefined)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* onDisk, 1)
      yield* SubscriptionRef.set(link, up)
      assert.strictEqual(yield* end, done)
      assert.deepStrictEqual(heard.map(({ params }) => params["inputResponses"]), [{ sure: yes }, { sure: yes }])
      assert.deepStrictEqual(yield* onDisk, [])
    }).pipe(ofDatabase))

  it.effect("are not sent twice where the relay may have them", () =>
    Effect.gen(function*() {
      const { begin, heard, onDisk, rounds, session } = yield* life([Effect.fail(cutOff)])
      const mine = yield* session()
      const { end, log } = yield* begin(mine, needs({ sure: form }))
      const [first] = asked(log)
      yield* rounds.answered(mine, first!, answer(first!, yes))
      assert.strictEqual(yield* Effect.flip(end), cutOff)
      assert.lengthOf(heard, 1)
      assert.deepStrictEqual(yield* onDisk, [])
      assert.isFalse(rounds.survives(mine, "7"))
      assert.isTrue(
        Option.isNone(yield* Effect.option(Effect.fromNullishOr(yield* rounds.resumed(mine, "7", log.id, 0))))
      )
    }).pipe(ofDatabase))
})
