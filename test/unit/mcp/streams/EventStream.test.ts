import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { OpenStreams } from "../../../../src/mcp/streams/OpenStreams.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { silentConnection } from "../../../support/silentConnection.ts"

const Streams = Layer.merge(OpenStreams.layer, EventLogs.layer).pipe(
  Layer.provide(Deadlines.layer),
  Layer.provide(Supervisor.layer),
  Layer.provide(Layer.succeed(Settings, settingsFrom({})))
)

const writing = Effect.gen(function*() {
  const log = (yield* EventLogs).make({ session: SessionId.make("s") })
  const client = silentConnection()
  const ends = { count: 0 }
  const stream = (yield* OpenStreams).open({
    connection: client.connection,
    reader: log.reader(0),
    resumable: true,
    answers: true,
    onEnd: () => ends.count++
  })
  yield* flushed
  const head = client.text().length
  /** What was written behind the head, without the marks of its chunks. */
  const written = Effect.map(flushed, () => client.text().slice(head).replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, ""))
  return { log, client, ends, stream, written }
})

/** Node writes what was said in one turn at the end of it. */
const flushed = Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))

describe("EventStream", () => {
  it.effect("writes each event before the next is made, and ends with the log", () =>
    Effect.gen(function*() {
      const { ends, log, written } = yield* writing
      log.append("one")
      assert.include(yield* written, `id: ${log.id}.1\ndata: one\n\n`)
      log.append("two")
      assert.include(yield* written, `id: ${log.id}.2\ndata: two\n\n`)
      assert.strictEqual(ends.count, 0)
      log.end()
      yield* flushed
      assert.strictEqual(ends.count, 1)
    }).pipe(Effect.provide(Streams)))

  it.effect("writes at once what was appended at once", () =>
    Effect.gen(function*() {
      const { client, log } = yield* writing
      for (const data of ["one", "two", "three"]) log.append(data)
      yield* flushed
      const chunks = client.text().split("\r\n").filter((part) => part.includes("data: "))
      assert.deepStrictEqual(chunks, [
        `id: ${log.id}.1\ndata: one\n\nid: ${log.id}.2\ndata: two\n\nid: ${log.id}.3\ndata: three\n\n`
      ])
    }).pipe(Effect.provide(Streams)))

  it.effect("ends at once where the log has ended already", () =>
    Effect.gen(function*() {
      const log = (yield* EventLogs).make({ session: SessionId.make("s") })
      log.append("the last")
      log.end()
      const { connection, text } = silentConnection()
      let ends = 0
      ;(yield* OpenStreams).open({
        connection,
        reader: log.reader(0),
        resumable: true,
        answers: false,
        onEnd: () => ends++
      })
      yield* flushed
      assert.include(text(), "data: the last\n\n")
      assert.isTrue(connection.closed)
      assert.strictEqual(ends, 1)
    }).pipe(Effect.provide(Streams)))

  it.effect("tells a client with the priming event when to come back", () =>
    Effect.gen(function*() {
      const { log, written } = yield* writing
      log.append("")
      assert.include(yield* written, `id: ${log.id}.1\nretry: 1000\ndata: \n\n`)
    }).pipe(Effect.provide(Streams)))

  it.effect("writes a comment after each silent interval, and none while events come", () =>
    Effect.gen(function*() {
      const { log, written } = yield* writing
      yield* TestClock.adjust("14 seconds")
      log.append("one")
      yield* TestClock.adjust("14 seconds")
      assert.notInclude(yield* written, "keep-alive")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual((yield* written).split(": keep-alive\n\n").length, 3)
    }).pipe(Effect.provide(Streams)))

  it.effect("reads no further than the connection takes", () =>
    Effect.gen(function*() {
      const { client, log, written } = yield* writing
      client.stall()
      for (let n = 0; n < 10; n++) log.append("x".repeat(20_000))
      yield* written
      assert.isBelow(log.read, 10)
      client.resume()
      for (let n = 0; n < 20 && log.read < 10; n++) yield* flushed
      assert.strictEqual(log.read, 10)
    }).pipe(Effect.provide(Streams)))

  it.effect("writes what has arrived before it is closed", () =>
    Effect.gen(function*() {
      const { ends, log, stream, written } = yield* writing
      log.append("the last")
      stream.close("retry: 1000\n\n")
      assert.match(yield* written, /data: the last\n\n[^]*retry: 1000/)
      assert.strictEqual(ends.count, 1)
    }).pipe(Effect.provide(Streams)))

  it.effect("is ended with a word on when to come back, once", () =>
    Effect.gen(function*() {
      const { client, ends, stream } = yield* writing
      ;(yield* OpenStreams).closeAll()
      stream.close()
      yield* flushed
      assert.include(client.text(), "retry: 1000\n\n")
      assert.strictEqual(ends.count, 1)
    }).pipe(Effect.provide(Streams)))
})
