import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { SessionId } from "../../../../src/domain/Ids.ts"
import type { EventLog, EventReader } from "../../../../src/mcp/streams/EventLog.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"

const logsOf = (replayPerSession: `${number} B`, replayInAll: `${number} B` = "1000000 B") =>
  EventLogs.layer.pipe(
    Layer.provide(Layer.succeed(Settings, settingsFrom({ streams: { replayPerSession, replayInAll } })))
  )

const alice = SessionId.make("alice")
const bob = SessionId.make("bob")
const open = Effect.fnUntraced(function*(session = alice, requestId?: string, shared?: boolean) {
  return (yield* EventLogs).make({ session, requestId, shared })
})

/** Everything that can be read without waiting. */
const rest = Effect.fnUntraced(function*(reader: EventReader) {
  const data: Array<string> = []
  while (true) {
    const fiber = yield* Effect.forkChild(reader.next, { startImmediately: true })
    const exit = fiber.pollUnsafe()
    if (exit === undefined) {
      yield* Fiber.interrupt(fiber)
      return data
    }
    const event = yield* Fiber.join(fiber)
    if (Option.isNone(event)) return [...data, "end"]
    data.push(event.value.event === undefined ? event.value.data : `${event.value.event} ${event.value.data}`)
  }
})

const fill = (log: EventLog, from: number, to: number, length = 36) =>
  Effect.forEach(
    Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`.padEnd(length, ".")),
    (data) => Effect.sync(() => log.append(data)),
    { discard: true }
  )
const numbers = (data: ReadonlyArray<string>) => data.map((text) => text.replaceAll(".", ""))

describe("EventLog", () => {
  it.effect("gives a reader what is there, then what comes, then the end", () =>
    Effect.gen(function*() {
      const log = yield* open(alice, "7")
      log.append("one")
      const reader = log.reader(0)
      const first = Option.getOrThrow(yield* reader.next)
      assert.deepStrictEqual(first, { id: `${log.id}.1.Nw`, sequence: 1, data: "one", event: undefined })
      const waiting = yield* Effect.forkChild(reader.next, { startImmediately: true })
      log.append("two")
      assert.strictEqual(Option.getOrThrow(yield* Fiber.join(waiting)).data, "two")
      const last = yield* Effect.forkChild(reader.next, { startImmediately: true })
      log.end()
      assert.isTrue(Option.isNone(yield* Fiber.join(last)))
      assert.strictEqual(log.read, 2)
    }).pipe(Effect.provide(logsOf("1000 B"))))

  it.effect("replays after the event that a reader saw last", () =>
    Effect.gen(function*() {
      const log = yield* open()
      yield* fill(log, 1, 5)
      assert.deepStrictEqual(numbers(yield* rest(log.reader(3))), ["4", "5"])
      assert.deepStrictEqual(yield* rest(log.reader(99)), [])
    }).pipe(Effect.provide(logsOf("1000 B"))))

  it.effect("marks the gap where events are no longer kept, once, and goes on from the oldest", () =>
    Effect.gen(function*() {
      const log = yield* open()
      yield* fill(log, 1, 10)
      assert.deepStrictEqual(numbers(yield* rest(log.reader(2))), [
        "holdfast-gap {\"from\":3,\"to\":5}",
        "6",
        "7",
        "8",
        "9",
        "10"
      ])
      assert.deepStrictEqual(numbers(yield* rest(log.reader(5)))[0], "6")
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("keeps a reader that keeps up free of gaps, however much goes through", () =>
    Effect.gen(function*() {
      const log = yield* open()
      const reader = log.reader(0)
      for (let n = 1; n <= 100; n++) {
        yield* fill(log, n, n)
        assert.deepStrictEqual(numbers(yield* rest(reader)), [String(n)])
      }
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("gives each event to one of its readers, the newest, and then to the one before it", () =>
    Effect.gen(function*() {
      const log = yield* open()
      const older = log.reader(0)
      log.append("one")
      assert.deepStrictEqual(yield* rest(older), ["one"])
      const newer = log.reader(log.read)
      log.append("two")
      assert.deepStrictEqual(yield* rest(older), [])
      assert.deepStrictEqual(yield* rest(newer), ["two"])
      const waiting = yield* Effect.forkChild(older.next, { startImmediately: true })
      log.append("three")
      newer.close()
      assert.strictEqual(Option.getOrThrow(yield* Fiber.join(waiting)).data, "three")
      const last = log.reader(log.read)
      log.end()
      assert.deepStrictEqual(yield* rest(older), ["end"])
      assert.deepStrictEqual(yield* rest(last), ["end"])
    }).pipe(Effect.provide(logsOf("1000 B"))))

  it.effect("replays only the latest of what supersedes itself, and passes all of it to a reader that is there", () =>
    Effect.gen(function*() {
      const log = yield* open(alice, undefined, true)
      const there = log.reader(0)
      for (const data of ["p1", "p2", "p3"]) log.append(data, "progress")
      log.append("answer")
      assert.deepStrictEqual(yield* rest(log.reader(0)), ["p3", "answer"])
      assert.deepStrictEqual(yield* rest(there), ["p1", "p2", "p3", "answer"])
    }).pipe(Effect.provide(logsOf("1000 B"))))

  it.effect("drops superseded events before any other, and they leave no gap", () =>
    Effect.gen(function*() {
      const log = yield* open()
      log.append("first".padEnd(36, "."))
      for (let n = 0; n < 20; n++) log.append(`p${n}`.padEnd(36, "."), "progress")
      assert.deepStrictEqual(numbers(yield* rest(log.reader(0))), ["first", "p19"])
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("delivers an event that is larger than the bound", () =>
    Effect.gen(function*() {
      const log = yield* open()
      const reader = log.reader(0)
      log.append("x".repeat(5000))
      log.end()
      assert.deepStrictEqual(yield* rest(reader), ["x".repeat(5000), "end"])
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("never lets one stream's flood cost another what its connected reader has yet to read", () =>
    Effect.gen(function*() {
      const quiet = yield* open()
      const reader = quiet.reader(0)
      yield* fill(quiet, 1, 3)
      const loud = yield* open()
      yield* fill(loud, 1, 50)
      assert.deepStrictEqual(numbers(yield* rest(reader)), ["1", "2", "3"])
      assert.deepStrictEqual(numbers(yield* rest(loud.reader(45))), ["46", "47", "48", "49", "50"])
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("takes room in all from the streams that were appended to least recently", () =>
    Effect.gen(function*() {
      const old = yield* open(alice)
      yield* fill(old, 1, 4)
      const recent = yield* open(bob)
      yield* fill(recent, 1, 4)
      assert.deepStrictEqual(numbers(yield* rest(old.reader(0))), ["holdfast-gap {\"from\":1,\"to\":2}", "3", "4"])
      assert.deepStrictEqual(numbers(yield* rest(recent.reader(0))), ["1", "2", "3", "4"])
    }).pipe(Effect.provide(logsOf("500 B", "600 B"))))

  it.effect("forgets an ended stream once all of it had to give way, and any stream when its session ends", () =>
    Effect.gen(function*() {
      const logs = yield* EventLogs
      const ended = yield* open()
      yield* fill(ended, 1, 3)
      ended.end()
      assert.isDefined(logs.find(alice, ended.id))
      assert.isUndefined(logs.find(bob, ended.id))
      const other = yield* open()
      yield* fill(other, 1, 5)
      assert.isUndefined(logs.find(alice, ended.id))
      const reader = other.reader(5)
      logs.forgetSession(alice)
      assert.isUndefined(logs.find(alice, other.id))
      assert.isTrue(Option.isNone(yield* reader.next))
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("lets a producer that can wait do so while a connected reader is behind, but not for a stalled one", () =>
    Effect.gen(function*() {
      const log = yield* open()
      const reader = log.reader(0)
      yield* fill(log, 1, 4)
      const waiting = yield* Effect.forkChild(log.room(200), { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      yield* rest(reader)
      yield* Fiber.join(waiting)

      yield* fill(log, 5, 8)
      const stalled = yield* Effect.forkChild(log.room(200), { startImmediately: true })
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(stalled.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stalled)
      yield* log.room(200)

      yield* rest(reader)
      yield* fill(log, 9, 12)
      const closing = yield* Effect.forkChild(log.room(200), { startImmediately: true })
      reader.close()
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(logsOf("500 B"))))

  it.effect("keeps nothing of a stream that ended without an event, nor more than 256 that ended of one session", () =>
    Effect.gen(function*() {
      const logs = yield* EventLogs
      const silent = yield* open()
      silent.end()
      assert.isUndefined(logs.find(alice, silent.id))
      const session = yield* open()
      const ended: Array<EventLog> = []
      for (let index = 0; index < 300; index++) {
        const log = yield* open()
        log.append("answer")
        log.end()
        ended.push(log)
      }
      const known = ended.map((log) => logs.find(alice, log.id) !== undefined)
      assert.isFalse(known[0])
      assert.isTrue(known[299])
      assert.strictEqual(known.filter((is) => is).length, 255)
      assert.strictEqual(logs.find(alice, session.id), session)
    }).pipe(Effect.provide(logsOf("1000000 B"))))
})
