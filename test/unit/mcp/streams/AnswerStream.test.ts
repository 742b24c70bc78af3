import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Ref, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { openedWithin } from "../../../../src/mcp/endpoint/AnswerWriter.ts"
import { make } from "../../../../src/mcp/streams/AnswerStream.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { AnswerCutOff, RelayFailure } from "../../../../src/relay/RelayFailure.ts"

const Logs = EventLogs.layer.pipe(Layer.provide(Layer.succeed(Settings, settingsFrom({}))))

const answerStream = Effect.fnUntraced(function*(priming = false) {
  const context = yield* Effect.context<EventLogs>()
  const logs = yield* EventLogs
  const scope = yield* Effect.scope
  return yield* make({
    log: logs.make({ session: SessionId.make("s"), requestId: "7" }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provide(context)
    ),
    priming,
    id: "7"
  })
})

const whole = (text: string) => ({ _tag: "Json", status: 200, headers: {}, body: { _tag: "Whole", text } }) as const

const pieces = Effect.fnUntraced(
  function*(
    texts: ReadonlyArray<string>,
    end: Effect.Effect<Option.Option<Uint8Array>, RelayFailure> = Effect.succeedNone
  ) {
    const left = yield* Ref.make(texts)
    const chunks = Effect.flatMap(
      Ref.getAndUpdate(left, (texts) => texts.slice(1)),
      ([text]) => text === undefined ? end : Effect.succeedSome(Buffer.from(text))
    )
    return { _tag: "Json", status: 200, headers: {}, body: { _tag: "Chunks", chunks } } as const
  }
)

/** What a client of the stream reads, to its end. */
const events = Effect.fnUntraced(function*(answer: Effect.Success<ReturnType<typeof make>>) {
  const opening = yield* answer.opening
  if (opening._tag === "Json") return assert.fail("not a stream")
  const data: Array<string> = []
  while (true) {
    const event = yield* opening.reader.next
    if (Option.isNone(event)) return data
    data.push(event.value.data)
  }
})

describe("AnswerStream", () => {
  it.effect("opens as JSON when the answer comes first, and drops what comes too late", () =>
    Effect.gen(function*() {
      const answer = yield* answerStream()
      yield* answer.answer(whole("{}"))
      yield* answer.stream
      yield* answer.becomeStream
      yield* answer.message("late")
      yield* answer.answer(whole("second"))
      assert.deepStrictEqual(yield* answer.opening, whole("{}"))
    }).pipe(Effect.provide(Logs)))

  it.effect("opens as a stream when a message comes first, whose last event is the answer", () =>
    Effect.gen(function*() {
      const answer = yield* answerStream()
      yield* answer.message("progress")
      yield* answer.answer(whole("answer"))
      yield* answer.message("late")
      assert.deepStrictEqual(yield* events(answer), ["progress", "answer"])
    }).pipe(Effect.provide(Logs)))

  it.effect("begins with an event that only tells its id where the protocol has that", () =>
    Effect.gen(function*() {
      const answer = yield* answerStream(true)
      yield* answer.stream
      yield* answer.answer(whole("answer"))
      const opening = yield* answer.opening
      assert.isTrue(opening._tag === "Sse" && /^[\w-]+$/.test(opening.log.id))
      assert.deepStrictEqual(yield* events(answer), ["", "answer"])
    }).pipe(Effect.provide(Logs)))

  it.effect("becomes a stream after ten seconds, and not before", () =>
    Effect.gen(function*() {
      const patience = Duration.seconds(10)
      const quick = yield* answerStream()
      const early = yield* Effect.forkChild(openedWithin(quick, patience))
      yield* TestClock.adjust("9 seconds")
      yield* quick.answer(whole("{}"))
      assert.strictEqual((yield* Fiber.join(early))._tag, "Json")

      const slow = yield* answerStream()
      const late = yield* Effect.forkChild(openedWithin(slow, patience))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(late))._tag, "Sse")
      yield* slow.answer(whole("after all"))
      assert.deepStrictEqual(yield* events(slow), ["after all"])
    }).pipe(Effect.provide(Logs)))

  it.effect("has exactly one opening and one answer, whoever comes first at the same instant", () =>
    Effect.gen(function*() {
      const contenders = ["answer", "become", "message", "stream"] as const
      for (let order = 0; order < 24; order++) {
        const answer = yield* answerStream()
        const does = {
          answer: answer.answer(whole("answer")),
          become: answer.becomeStream,
          message: answer.message("message"),
          stream: answer.stream
        }
        const left: Array<keyof typeof does> = [...contenders]
        let rest = order
        const fibers: Array<Fiber.Fiber<void>> = []
        while (left.length > 0) {
          const [next] = left.splice(rest % left.length, 1)
          rest = Math.floor(rest / (left.length + 1))
          fibers.push(yield* Effect.forkChild(does[next!]))
        }
        yield* Fiber.joinAll(fibers)
        const opening = yield* answer.opening
        if (opening._tag === "Sse") {
          assert.strictEqual((yield* events(answer)).filter((data) => data === "answer").length, 1)
        } else assert.deepStrictEqual(opening, whole("answer"))
      }
    }).pipe(Effect.provide(Logs)))

  it.effect("is not left unopened by a client that goes away while it becomes a stream", () =>
    Effect.gen(function*() {
      const logs = yield* EventLogs
      const log = yield* logs.make({ session: SessionId.make("s") })
      const answer = yield* make({ log: Effect.as(Effect.sleep("1 second"), log), priming: false, id: "7" })
      const becoming = yield* Effect.forkChild(answer.becomeStream, { startImmediately: true })
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(becoming), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      yield* answer.disconnect
      yield* answer.answer(whole("answer"))
      yield* answer.disconnected
      assert.deepStrictEqual(yield* events(answer), ["answer"])
    }).pipe(Effect.provide(Logs)))

  it.effect("collects an answer that comes in pieces when it has to be one event", () =>
    Effect.gen(function*() {
      const answer = yield* answerStream()
      yield* answer.stream
      yield* answer.answer(yield* pieces(["{\"a\":", "1}"]))
      assert.deepStrictEqual(yield* events(answer), ["{\"a\":1}"])
    }).pipe(Effect.provide(Logs)))

  it.effect("says so where such an answer is cut off or too large", () =>
    Effect.gen(function*() {
      const cut = yield* answerStream()
      yield* cut.stream
      const failure = new RelayFailure({ reason: new AnswerCutOff({ detail: "gone" }) })
      yield* cut.answer(yield* pieces(["{"], Effect.fail(failure)))
      const [said] = yield* events(cut)
      const { error, id } = JSON.parse(said!)
      assert.strictEqual(id, 7)
      assert.deepStrictEqual(error, { code: -31002, message: failure.message, data: { delivery: "unknown" } })

      const large = yield* answerStream()
      yield* large.stream
      yield* large.answer(yield* pieces(Array.from({ length: 17 }, () => "x".repeat(1024 * 1024))))
      assert.strictEqual(JSON.parse((yield* events(large))[0]!).error.code, -31002)
    }).pipe(Effect.provide(Logs)))

  it.effect("ends without an answer when its request was cancelled", () =>
    Effect.gen(function*() {
      const answer = yield* answerStream()
      yield* answer.abandon
      yield* answer.answer(whole("late"))
      assert.deepStrictEqual(yield* events(answer), [])
    }).pipe(Effect.provide(Logs)))
})
