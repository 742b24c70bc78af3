import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { Responder, type ResponderOptions } from "../../../../src/mcp/dispatch/Responder.ts"
import type { Answer } from "../../../../src/mcp/handlers/Handler.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { OpenStreams } from "../../../../src/mcp/streams/OpenStreams.ts"
import { AnswerCutOff, RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { pulledFrom } from "../../../support/incoming.ts"
import { silentConnection } from "../../../support/silentConnection.ts"

const Streams = Layer.merge(OpenStreams.layer, EventLogs.layer).pipe(
  Layer.provideMerge(Layer.provideMerge(Deadlines.layer, Supervisor.layer)),
  Layer.provide(Layer.succeed(Settings, settingsFrom({})))
)

const responding = Effect.fnUntraced(function*(
  { priming = false, progressToken, resumable = true }: Partial<ResponderOptions> = {}
) {
  const client = silentConnection()
  const logs = yield* EventLogs
  const made: Array<string> = []
  const responder = new Responder({
    deadlines: yield* Deadlines,
    logs: {
      ...logs,
      make: (options) => {
        const log = logs.make(options)
        made.push(log.id)
        return log
      }
    },
    openStreams: yield* OpenStreams,
    progressAfter: 50_000
  }, {
    streamAfter: 10_000,
    progressToken,
    connection: client.connection,
    log: { session: SessionId.make("s"), requestId: "7" },
    priming,
    resumable,
    id: "7",
    onGone: () => {}
  })
  const flush = Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))
  const text = Effect.map(flush, client.text)
  /** The data of the events that were written. */
  const events = Effect.map(text, (written) => [...written.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => data))
  return { connection: client.connection, responder, text, events, made, logs }
})

const whole = (text: string): Answer => ({
  outcome: "answered",
  status: 200,
  headers: {},
  body: { _tag: "Whole", text }
})

const pieces = Effect.fnUntraced(function*(
  texts: ReadonlyArray<string>,
  end: Effect.Effect<Option.Option<Uint8Array>, RelayFailure> = Effect.succeedNone
) {
  const left = yield* Ref.make(texts)
  const chunks = Effect.flatMap(
    Ref.getAndUpdate(left, (texts) => texts.slice(1)),
    ([text]) => text === undefined ? end : Effect.succeedSome(Buffer.from(text))
  )
  return { ...whole(""), body: { _tag: "Chunks", chunks: pulledFrom(chunks) } } as const
})

describe("Responder", () => {
  it.effect("replies with JSON when the answer comes first, and drops what comes too late", () =>
    Effect.gen(function*() {
      const { made, responder, text } = yield* responding()
      yield* responder.deliver(whole("{\"first\":1}"))
      responder.relayStreams()
      yield* responder.message("late")
      assert.match(yield* text, /^HTTP\/1.1 200 OK\r\n[^]*application\/json[^]*\r\n\r\n\{"first":1\}$/)
      assert.deepStrictEqual(made, [])
    }).pipe(Effect.provide(Streams)))

  it.effect("becomes a stream when a message comes first, whose last event is the answer", () =>
    Effect.gen(function*() {
      const { events, responder } = yield* responding()
      yield* responder.message("progress")
      yield* responder.deliver(whole("answer"))
      yield* responder.message("late")
      assert.deepStrictEqual(yield* events, ["progress", "answer"])
    }).pipe(Effect.provide(Streams)))

  it.effect("begins a stream with an event that only tells its id where the protocol has that", () =>
    Effect.gen(function*() {
      const { events, responder, text } = yield* responding({ priming: true })
      yield* responder.message("progress")
      yield* responder.deliver(whole("answer"))
      assert.match(yield* text, /^id: [\w-]+\.1\.Nw$/m)
      assert.deepStrictEqual(yield* events, ["", "progress", "answer"])
    }).pipe(Effect.provide(Streams)))

  it.effect("shows a client that asked for progress that a quiet call lives, with numbers that rise below the relay's", () =>
    Effect.gen(function*() {
      const { events, responder } = yield* responding({ progressToken: "\"p\"", resumable: false })
      const numbers = Effect.map(
        events,
        (all) => all.map((data) => JSON.parse(data ?? "").params?.progress ?? "answer")
      )
      yield* TestClock.adjust("100 seconds")
      assert.deepStrictEqual(yield* numbers, [0.000001, 0.000002])
      const relays = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":3}}`
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(responder.offer(relays, "progress:p"))
      yield* TestClock.adjust("49 seconds")
      assert.deepStrictEqual(yield* numbers, [0.000001, 0.000002, 3])
      yield* TestClock.adjust("1 second")
      yield* responder.deliver(whole("{\"id\":7}"))
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* numbers, [0.000001, 0.000002, 3, 3.000001, "answer"])
    }).pipe(Effect.provide(Streams)))

  it.effect("becomes a stream after ten seconds, and not before", () =>
    Effect.gen(function*() {
      const quick = yield* responding()
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* quick.text, "")
      yield* quick.responder.deliver(whole("{}"))
      assert.include(yield* quick.text, "application/json")

      const slow = yield* responding()
      yield* TestClock.adjust("10 seconds")
      assert.include(yield* slow.text, "text/event-stream")
      yield* slow.responder.deliver(whole("after all"))
      assert.deepStrictEqual(yield* slow.events, ["after all"])
    }).pipe(Effect.provide(Streams)))

  it.effect("becomes a stream with the relay's, where it can be resumed", () =>
    Effect.gen(function*() {
      const { events, responder, text } = yield* responding({ priming: true })
      responder.relayStreams()
      yield* TestClock.adjust("99 millis")
      assert.strictEqual(yield* text, "")
      yield* TestClock.adjust("1 millis")
      assert.include(yield* text, "text/event-stream")
      yield* responder.deliver(whole("{}"))
      assert.deepStrictEqual(yield* events, ["", "{}"])
    }).pipe(Effect.provide(Streams)))

  it.effect("is a whole stream where the answer is the first that the relay's brings", () =>
    Effect.gen(function*() {
      const { connection, events, made, responder, text } = yield* responding({ priming: true })
      responder.relayStreams()
      yield* TestClock.adjust("99 millis")
      yield* responder.deliver(whole("{\n\"ä\":1}"))
      const written = yield* text
      assert.include(written, "text/event-stream")
      assert.match(written, /content-length: 23\r\n/)
      assert.include(written, "\r\n\r\ndata: {\ndata: \"ä\":1}\n\n")
      assert.deepStrictEqual(yield* events, ["{", "\"ä\":1}"])
      assert.deepStrictEqual(made, [])
      assert.isTrue(connection.closed)
    }).pipe(Effect.provide(Streams)))

  it.effect("keeps the order where the relay's stream brought a message and the answer at once", () =>
    Effect.gen(function*() {
      const { events, responder } = yield* responding({ priming: true })
      responder.relayStreams()
      yield* responder.message("progress")
      yield* responder.deliver(whole("{}"))
      assert.deepStrictEqual(yield* events, ["", "progress", "{}"])
    }).pipe(Effect.provide(Streams)))

  it.effect.each([true, false])(
    "lets a relay's stream make no stream that its client could not resume yet (%s: after its first event)",
    (resumable) =>
      Effect.gen(function*() {
        const { responder, text } = yield* responding({ resumable })
        responder.relayStreams()
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(yield* text, "")
        yield* responder.deliver(whole("{}"))
        assert.include(yield* text, "application/json")
      }).pipe(Effect.provide(Streams))
  )

  it.effect("becomes a stream that its client is to open again where the relay ends its own on purpose", () =>
    Effect.gen(function*() {
      const { connection, events, responder } = yield* responding({ priming: true })
      responder.relayStreams()
      responder.relayPolls()
      assert.deepStrictEqual(yield* events, [""])
      assert.isTrue(connection.closed)
    }).pipe(Effect.provide(Streams)))

  it.effect("collects an answer that comes in pieces when it has to be one event", () =>
    Effect.gen(function*() {
      const { events, responder } = yield* responding()
      yield* responder.message("progress")
      yield* responder.deliver(yield* pieces(["{\"a\":", "1}"]))
      assert.deepStrictEqual(yield* events, ["progress", "{\"a\":1}"])
    }).pipe(Effect.provide(Streams)))

  it.effect("says so where such an answer is cut off or too large", () =>
    Effect.gen(function*() {
      const failure = new RelayFailure({ reason: new AnswerCutOff({ detail: "gone" }) })
      const cut = yield* responding()
      yield* cut.responder.message("progress")
      yield* cut.responder.deliver(yield* pieces(["{"], Effect.fail(failure)))
      const { error, id } = JSON.parse((yield* cut.events)[1] ?? "")
      assert.strictEqual(id, 7)
      assert.deepStrictEqual(error, { code: -31002, message: failure.message, data: { delivery: "unknown" } })

      const large = yield* responding()
      yield* large.responder.message("progress")
      yield* large.responder.deliver(yield* pieces(Array.from({ length: 17 }, () => "x".repeat(1024 * 1024))))
      assert.strictEqual(JSON.parse((yield* large.events)[1] ?? "").error.code, -31002)
    }).pipe(Effect.provide(Streams)))

  it.effect("breaks off half an answer where another one takes its place, as at a stop", () =>
    Effect.gen(function*() {
      const { connection, responder, text } = yield* responding()
      const half = yield* Effect.forkChild(
        Effect.flatMap(pieces(["{\"a\":"], Effect.never), (answer) => responder.deliver(answer)),
        { startImmediately: true }
      )
      assert.include(yield* text, "{\"a\":")
      yield* Fiber.interrupt(half)
      yield* responder.deliver(whole("{\"error\":1}"))
      assert.notInclude(yield* text, "error")
      assert.isTrue(connection.closed)
    }).pipe(Effect.provide(Streams)))

  it.effect("leaves a whole answer alone that came before", () =>
    Effect.gen(function*() {
      const { responder, text } = yield* responding()
      yield* responder.deliver(whole("{\"first\":1}"))
      yield* responder.deliver(whole("{\"second\":1}"))
      assert.match(yield* text, /\{"first":1\}$/)
    }).pipe(Effect.provide(Streams)))

  it.effect("ends without an answer when its request was cancelled", () =>
    Effect.gen(function*() {
      const { connection, events, responder } = yield* responding()
      responder.abandon()
      yield* responder.deliver(whole("late"))
      assert.deepStrictEqual(yield* events, [])
      assert.isTrue(connection.closed)
    }).pipe(Effect.provide(Streams)))

  it.effect("keeps nothing of a stream that nobody can resume", () =>
    Effect.gen(function*() {
      const { logs, made, responder, text } = yield* responding({ resumable: false })
      yield* responder.message("progress")
      yield* responder.deliver(whole("answer"))
      yield* text
      assert.strictEqual(made.length, 1)
      assert.isUndefined(logs.find(SessionId.make("s"), made[0] ?? ""))
    }).pipe(Effect.provide(Streams)))
})
