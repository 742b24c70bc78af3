import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Latch, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { writeEvents } from "../../../../src/mcp/endpoint/SseWriter.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"

const Logs = EventLogs.layer.pipe(Layer.provide(Layer.succeed(Settings, settingsFrom({}))))

const writing = Effect.gen(function*() {
  const log = yield* (yield* EventLogs).make({ session: SessionId.make("s") })
  const written: Array<string> = []
  const room = yield* Latch.make(true)
  const fiber = yield* Effect.forkChild(
    writeEvents(
      log.reader(0),
      { write: (text) => Effect.andThen(Effect.sync(() => written.push(String(text))), room.await) },
      Duration.seconds(15)
    ),
    { startImmediately: true }
  )
  return { log, written, room, fiber }
})

describe("SseWriter", () => {
  it.effect("writes each event before the next is made, and ends with the stream", () =>
    Effect.gen(function*() {
      const { fiber, log, written } = yield* writing
      for (const [index, data] of ["one", "two"].entries()) {
        yield* log.append(data)
        yield* Effect.yieldNow
        assert.strictEqual(written[index], `id: ${log.id}.${index + 1}\ndata: ${data}\n\n`)
      }
      yield* log.end
      yield* Fiber.join(fiber)
      assert.strictEqual(written.length, 2)
    }).pipe(Effect.provide(Logs)))

  it.effect("tells a client with the priming event when to come back", () =>
    Effect.gen(function*() {
      const { log, written } = yield* writing
      yield* log.append("")
      yield* Effect.yieldNow
      assert.deepStrictEqual(written, [`id: ${log.id}.1\nretry: 1000\ndata: \n\n`])
    }).pipe(Effect.provide(Logs)))

  it.effect("writes a comment after each silent interval, and none while events come", () =>
    Effect.gen(function*() {
      const { log, written } = yield* writing
      yield* TestClock.adjust("14 seconds")
      yield* log.append("one")
      yield* TestClock.adjust("14 seconds")
      assert.strictEqual(written.length, 1)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(written.slice(1), [": keep-alive\n\n", ": keep-alive\n\n"])
    }).pipe(Effect.provide(Logs)))

  it.effect("reads no further than the connection takes", () =>
    Effect.gen(function*() {
      const { log, room, written } = yield* writing
      yield* room.close
      for (const data of ["one", "two", "three"]) yield* log.append(data)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(written.length, 1)
      assert.strictEqual(log.read, 1)
      yield* room.open
      yield* Effect.yieldNow
      assert.strictEqual(written.length, 3)
    }).pipe(Effect.provide(Logs)))
})
