import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { advance } from "../../support/outbox/advance.ts"
import { call, keyed, keysSent, queue, states, submit, submitting } from "../../support/outbox/calls.ts"
import { answers, FakeRelay, ok } from "../../support/outbox/FakeRelay.ts"
import { outboxAt, outboxWith } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** Runs until the test's part ends, and then dies: nothing is drained. */
const crashing = <A, E, R>(file: string, use: Effect.Effect<A, E, R>, url?: string) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.build(outboxAt(file, { lane: "to" }, url)).pipe(Scope.provide(scope))
    const result = yield* Effect.provide(use, context)
    yield* Scope.close(scope, Exit.void)
    return result
  })

const to = (key: string, lane: string, declaresKey = true) => keyed(key, { args: { to: lane }, declaresKey })

describe("after a crash", () => {
  it.effect("what was in flight is at the head of its lane again, under the same key and text", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const relay = yield* FakeRelay
      yield* crashing(
        file,
        Effect.gen(function*() {
          yield* relay.behave(() => Effect.never)
          yield* submitting(to("handed over", "x"))
          yield* relay.down
          yield* submit(to("behind", "x"))
          yield* submit(to("head", "y"))
          yield* relay.up
          yield* advance("20 seconds")
          assert.deepStrictEqual([...(yield* states)].sort(), [
            "behind pending",
            "handed over inflight",
            "head inflight"
          ])
        })
      )
      yield* relay.behave(answers)
      yield* crashing(
        file,
        Effect.gen(function*() {
          yield* advance("10 seconds")
          assert.isTrue((yield* states).every((state) => state.endsWith("delivered")))
          const sent = yield* relay.sent
          const [first, second] = sent.filter(({ key }) => key === "handed over")
          assert.strictEqual(first?.text, second?.text)
          assert.deepStrictEqual(
            sent.slice(2).map(({ key }) => key).filter((key) => key !== "head"),
            ["handed over", "behind"]
          )
        })
      )
    }).pipe(Effect.provide(FakeRelay.layer)))

  it.effect("what must not be sent twice is a dead letter, since it may have been carried out", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const relay = yield* FakeRelay
      yield* relay.behave(() => Effect.never)
      yield* crashing(file, Effect.andThen(submitting(to("a", "x", false)), advance("15 seconds")))
      yield* crashing(
        file,
        Effect.gen(function*() {
          const outbox = yield* Outbox
          yield* advance("1 minute")
          assert.deepStrictEqual(yield* keysSent, ["a"])
          const entry = Option.getOrThrow(yield* outbox.find(1))
          assert.strictEqual(entry.state, "dead")
          assert.match(Option.getOrThrow(entry.reason), /^unknown: /)
          yield* relay.behave(answers)
          assert.deepStrictEqual(yield* outbox.retry([1]), [1])
          yield* advance("1 second")
          assert.deepStrictEqual(yield* states, ["a delivered"])
        })
      )
    }).pipe(Effect.provide(FakeRelay.layer)))

  it.effect("a key is still known, and so is when the call was made", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const relay = yield* FakeRelay
      yield* relay.down
      const made = (id: string) => submit(call({ id, meta: { callId: "t1" } }))
      yield* crashing(file, made("1"))
      yield* advance("1 hour")
      yield* crashing(
        file,
        Effect.gen(function*() {
          yield* made("2")
          const entries = yield* (yield* Outbox).list({})
          assert.deepStrictEqual(entries.map(({ occurredAt }) => occurredAt), [0])
        })
      )
    }).pipe(Effect.provide(FakeRelay.layer)))

  it.effect("what was accepted for another relay is held until that one is back", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const relay = yield* FakeRelay
      yield* relay.down
      yield* crashing(file, queue("a"))
      yield* relay.up
      yield* crashing(
        file,
        Effect.gen(function*() {
          yield* advance("1 minute")
          assert.deepStrictEqual(yield* states, ["a held"])
          assert.strictEqual((yield* submit(keyed("b")))._tag, "Answered")
        }),
        "http://elsewhere.test/mcp"
      )
      yield* crashing(file, advance("1 minute"))
      assert.deepStrictEqual(yield* keysSent, ["b", "a"])
    }).pipe(Effect.provide(FakeRelay.layer)))
})

describe("a disk that fails", () => {
  const disk = (works: boolean) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => works ? sql`PRAGMA query_only = 0` : sql`PRAGMA query_only = 1`)

  it.effect("refuses what would have to be queued, lets live calls go on, and recovers by itself", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* disk(false)
      yield* relay.down
      assert.strictEqual((yield* Effect.flip(submit(keyed("a")))).reason, "storage")
      assert.isFalse((yield* outbox.stats).writable)
      yield* relay.up
      assert.strictEqual((yield* submit(keyed("b")))._tag, "Answered")
      yield* advance("20 seconds")
      assert.isFalse((yield* outbox.stats).writable)
      yield* disk(true)
      yield* advance("5 seconds")
      assert.isTrue((yield* outbox.stats).writable)
      assert.deepStrictEqual(yield* states, [])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("keeps a live attempt that it cannot take over, and sends nothing twice that it cannot write down", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.behave((text) => Effect.as(Effect.sleep("30 seconds"), ok(text)))
      yield* relay.up
      yield* advance("1 second")
      const live = yield* submitting(keyed("c", { args: { to: "y" } }))
      yield* disk(false)
      yield* advance("1 minute")
      assert.strictEqual(live.pollUnsafe()?._tag, "Success")
      assert.deepStrictEqual([...(yield* keysSent)].sort(), ["a", "c"])
      assert.deepStrictEqual(yield* states, ["a inflight", "b pending"])
      yield* disk(true)
      yield* advance("1 minute")
      assert.deepStrictEqual([...(yield* keysSent)].sort(), ["a", "b", "c"])
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered"])
    }).pipe(Effect.provide(outboxWith({ lane: "to" }))))
})
