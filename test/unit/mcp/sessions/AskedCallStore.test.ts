import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget } from "../../../../src/config/Settings.ts"
import { defaultRelay, RelayId, SessionId } from "../../../../src/domain/Ids.ts"
import { AskedCallStore, type StoredCall } from "../../../../src/mcp/sessions/AskedCallStore.ts"
import * as Migrations from "../../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../../src/storage/SqliteClient.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A start of one relay's part of the daemon, over the same database. */
const started = <A>(test: (store: AskedCallStore["Service"]) => Effect.Effect<A>, id = defaultRelay) =>
  Effect.flatMap(AskedCallStore, test).pipe(Effect.provide(
    Layer.fresh(AskedCallStore.layer).pipe(
      Layer.provide(Layer.succeed(RelayTarget, { id, url: new URL("http://relay.test/mcp"), token: {} }))
    )
  ))

const [mine, theirs] = [SessionId.make("mine"), SessionId.make("theirs")]
const callOf = (id: string, eventId: string): StoredCall => ({
  id,
  session: mine,
  point: { session: "s", protocolVersion: "2025-11-25", eventId, id: `"holdfast-era-1"` },
  questions: [{ key: "k", id: `"q"`, text: `{"method":"elicitation/create"}` }],
  times: { k: 1 }
})

describe("asked calls on disk", () => {
  it.effect("are there after a restart as they were saved last, and for no other session or relay", () =>
    Effect.gen(function*() {
      yield* started((store) =>
        Effect.gen(function*() {
          yield* store.save(callOf("1", "e1"))
          yield* store.save(callOf("1", "e2"))
          yield* store.save(callOf("2", "e3"))
          yield* store.remove("2")
        })
      )
      const found = (id: string, session = mine, relay = defaultRelay) =>
        started((store) => store.find(session, id), relay)
      assert.deepStrictEqual(yield* found("1"), Option.some(callOf("1", "e2")))
      assert.isTrue(Option.isNone(yield* found("2")))
      assert.isTrue(Option.isNone(yield* found("1", theirs)))
      assert.isTrue(Option.isNone(yield* found("1", mine, RelayId.make("another"))))
    }).pipe(Effect.provide(Database)))

  it.effect("are gone a day later, once another is saved", () =>
    started((store) =>
      Effect.gen(function*() {
        yield* store.save(callOf("1", "e1"))
        yield* TestClock.adjust("24 hours")
        yield* store.save(callOf("2", "e1"))
        assert.isTrue(Option.isSome(yield* store.find(mine, "1")))
        yield* TestClock.adjust("1 second")
        yield* store.save(callOf("3", "e1"))
        assert.isTrue(Option.isNone(yield* store.find(mine, "1")))
        assert.isTrue(Option.isSome(yield* store.find(mine, "2")))
      })
    ).pipe(Effect.provide(Database)))
})
