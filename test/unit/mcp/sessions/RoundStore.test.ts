import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget } from "../../../../src/config/Settings.ts"
import { defaultRelay, RelayId, SessionId } from "../../../../src/domain/Ids.ts"
import { type InputRound, RoundStore } from "../../../../src/mcp/sessions/RoundStore.ts"
import * as Migrations from "../../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../../src/storage/SqliteClient.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A start of one relay's part of the daemon, over the same database. */
const started = <A>(test: (rounds: RoundStore["Service"]) => Effect.Effect<A>, id = defaultRelay) =>
  Effect.flatMap(RoundStore, test).pipe(Effect.provide(
    Layer.fresh(RoundStore.layer).pipe(
      Layer.provide(Layer.succeed(RelayTarget, { id, url: new URL("http://relay.test/mcp"), token: {} }))
    )
  ))

const [mine, theirs] = [SessionId.make("mine"), SessionId.make("theirs")]
const roundOf = (session: SessionId, requestId: string, answer: string | null = null): InputRound => ({
  session,
  request_id: requestId,
  sent: `{"id":${requestId},"n":12345678901234567890}`,
  headers: { "mcp-param-x": "y" },
  state: `"opaque \\u0000"`,
  questions: [{ key: "k", id: `"q"`, text: `{"method":"roots/list"}`, stream: "s", sequence: 1, seen: false, answer }]
})

describe("rounds on disk", () => {
  it.effect("are there after a restart as they were saved last, and of no other session or relay", () =>
    Effect.gen(function*() {
      yield* started((rounds) =>
        Effect.gen(function*() {
          yield* rounds.save(roundOf(mine, "1"))
          yield* rounds.save(roundOf(mine, "1", `{"result":{}}`))
          yield* rounds.save(roundOf(mine, "2"))
          yield* rounds.save(roundOf(theirs, "1"))
          yield* rounds.remove({ session: mine, request_id: "2" })
        })
      )
      const found = yield* started((rounds) => rounds.ofSession(mine))
      assert.deepStrictEqual(found, [roundOf(mine, "1", `{"result":{}}`)])
      assert.deepStrictEqual(yield* started((rounds) => rounds.ofSession(mine), RelayId.make("another")), [])
    }).pipe(Effect.provide(Database)))

  it.effect("are gone a day later, once another is saved", () =>
    started((rounds) =>
      Effect.gen(function*() {
        yield* rounds.save(roundOf(mine, "1"))
        yield* TestClock.adjust("24 hours")
        yield* rounds.save(roundOf(mine, "2"))
        assert.lengthOf(yield* rounds.ofSession(mine), 2)
        yield* TestClock.adjust("1 second")
        yield* rounds.save(roundOf(mine, "3"))
        assert.deepStrictEqual((yield* rounds.ofSession(mine)).map(({ request_id }) => request_id).sort(), ["2", "3"])
      })
    ).pipe(Effect.provide(Database)))
})
