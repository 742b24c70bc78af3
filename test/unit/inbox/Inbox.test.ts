import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { AgentName } from "../../../src/domain/Ids.ts"
import { Inbox } from "../../../src/inbox/Inbox.ts"
import { type Happening, Happenings, HappeningsFeed } from "../../../src/observability/Happenings.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A start of the daemon's inbox, over the same database. */
const started = <A, E, R>(
  test: (inbox: Inbox["Service"]) => Effect.Effect<A, E, R>,
  settings: Parameters<typeof settingsFrom>[0] = {}
) =>
  Effect.flatMap(Inbox, test).pipe(Effect.provide(
    Layer.fresh(Inbox.layer).pipe(
      Layer.provide(Layer.succeed(Settings, settingsFrom(settings))),
      Layer.provide(Supervisor.layer)
    )
  ))

const [mine, theirs] = [AgentName.make("mine"), AgentName.make("theirs")]
const hello = { agent: mine, from: "a person", body: "hello" }

describe("the inbox", () => {
  it.effect("has a message once under its id, over a restart, and tells of it once", () =>
    Effect.gen(function*() {
      yield* started((inbox) =>
        Effect.gen(function*() {
          assert.isFalse((yield* inbox.receive({ ...hello, id: "m-1" })).isDouble)
          assert.isTrue((yield* inbox.receive({ ...hello, id: "m-1" })).isDouble)
          assert.isTrue(inbox.hasNews(mine))
          assert.isFalse(inbox.hasNews(theirs))
        })
      )
      yield* started((inbox) =>
        Effect.gen(function*() {
          assert.isTrue((yield* inbox.receive({ ...hello, id: "m-1" })).isDouble)
          assert.isTrue(inbox.hasNews(mine))
          assert.deepStrictEqual((yield* inbox.takeNews(mine)).map(({ id }) => id), ["m-1"])
          assert.deepStrictEqual(yield* inbox.takeNews(mine), [])
          assert.isFalse(inbox.hasNews(mine))
        })
      )
      yield* started((inbox) =>
        Effect.gen(function*() {
          assert.isFalse(inbox.hasNews(mine))
          assert.strictEqual((yield* inbox.list({ agent: mine, unread: true, limit: 10 })).length, 1)
          const read = yield* inbox.read("m-1", mine)
          assert.deepStrictEqual(Option.flatMap(read, ({ body }) => body), Option.some("hello"))
          assert.deepStrictEqual(yield* inbox.list({ unread: true, limit: 10 }), [])
        })
      )
    }).pipe(Effect.provide(Database)))

  it.effect("does not tell of what was read before", () =>
    started((inbox) =>
      Effect.gen(function*() {
        yield* inbox.receive({ ...hello, id: "m-1" })
        yield* inbox.read("m-1")
        assert.isFalse(inbox.hasNews(mine))
        assert.deepStrictEqual(yield* inbox.takeNews(mine), [])
      })
    ).pipe(Effect.provide(Database)))

  it.effect("gives no agent what is another one's", () =>
    started((inbox) =>
      Effect.gen(function*() {
        yield* inbox.receive({ ...hello, id: "m-1" })
        assert.isTrue(Option.isNone(yield* inbox.read("m-1", theirs)))
        assert.deepStrictEqual(yield* inbox.list({ agent: theirs, limit: 10 }), [])
        yield* inbox.forget(mine)
        assert.isTrue(Option.isNone(yield* inbox.read("m-1", mine)))
        assert.isFalse(inbox.hasNews(mine))
      })
    ).pipe(Effect.provide(Database)))

  it.effect("refuses another message under an id that is in use, and what is no message", () =>
    started((inbox) =>
      Effect.gen(function*() {
        yield* inbox.receive({ ...hello, id: "m-1" })
        const other = yield* Effect.flip(inbox.receive({ ...hello, body: "other", id: "m-1" }))
        assert.strictEqual(other.reason, "id in use")
        assert.strictEqual((yield* Effect.flip(inbox.receive({ ...hello, body: "" }))).reason, "not valid")
        assert.strictEqual((yield* Effect.flip(inbox.receive({ ...hello, id: "a b" }))).reason, "not valid")
      })
    ).pipe(Effect.provide(Database)))

  it.effect("is full where too much is unread, which never gives way, and takes more once that is read", () =>
    started(
      (inbox) =>
        Effect.gen(function*() {
          yield* inbox.receive({ ...hello, id: "m-1" })
          yield* inbox.receive({ ...hello, id: "m-2" })
          const full = yield* Effect.flip(inbox.receive({ ...hello, id: "m-3" }))
          assert.strictEqual(full.reason, "full")
          assert.include(full.message, "inbox.max")
          yield* inbox.receive({ ...hello, agent: theirs, id: "t-1" })
          yield* inbox.read("m-1")
          yield* inbox.receive({ ...hello, id: "m-3" })
          assert.deepStrictEqual(
            (yield* inbox.list({ agent: mine, unread: true, limit: 9 })).map(({ id }) => id),
            ["m-2", "m-3"]
          )
        }),
      { inbox: { max: 2 } }
    ).pipe(Effect.provide(Database)))

  it.effect("keeps the text of what was read while there is room and time, and knows its id for longer", () =>
    started(
      (inbox) =>
        Effect.gen(function*() {
          const large = { agent: mine, from: "a person", body: "x".repeat(600) }
          yield* inbox.receive({ ...large, id: "m-1" })
          assert.strictEqual((yield* Effect.flip(inbox.receive({ ...large, id: "m-2" }))).reason, "full")
          assert.strictEqual(
            (yield* Effect.flip(inbox.receive({ ...large, body: "x".repeat(900) }))).reason,
            "too large"
          )
          yield* inbox.read("m-1")
          yield* inbox.receive({ ...large, id: "m-2" })
          assert.deepStrictEqual(Option.map(yield* inbox.read("m-1"), ({ body }) => body), Option.some(Option.none()))
          assert.isTrue((yield* inbox.receive({ ...large, id: "m-1" })).isDouble)
          yield* inbox.read("m-2")
          yield* TestClock.adjust("8 days")
          assert.deepStrictEqual(Option.map(yield* inbox.read("m-2"), ({ body }) => body), Option.some(Option.none()))
          assert.isTrue((yield* inbox.receive({ ...large, id: "m-2" })).isDouble)
        }),
      { inbox: { maxBytes: "1 kB", maxBody: "0.8 kB" } }
    ).pipe(Effect.provide(Database)))

  it.effect("tells those who listen once the message is on disk, and not of one whose transaction failed", () =>
    Effect.gen(function*() {
      const feed = new HappeningsFeed()
      const told: Array<Happening> = []
      yield* feed.listen((happening) => told.push(happening))
      yield* started((inbox) =>
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const first = yield* Effect.forkChild(Stream.runHead(inbox.received), { startImmediately: true })
          yield* Effect.flip(sql.withTransaction(Effect.andThen(inbox.receive(hello), Effect.fail("no"))))
          assert.isFalse(inbox.hasNews(mine))
          assert.deepStrictEqual(told, [])
          yield* inbox.receive({ ...hello, id: "m-2" })
          assert.deepStrictEqual(Option.map(yield* Fiber.join(first), ({ id }) => id), Option.some("m-2"))
          assert.deepStrictEqual(told.map(({ payload, subject, type }) => ({ payload, subject, type })), [
            { type: "inbox.received", subject: "agent/mine", payload: { id: "m-2", from: "a person" } }
          ])
        })
      ).pipe(Effect.provideService(Happenings, feed))
    }).pipe(Effect.provide(Database)))
})
