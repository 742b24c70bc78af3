import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { ConnectionLost, Forbidden, RateLimited, Unauthorized } from "../../../../src/relay/RelayFailure.ts"
import { advance } from "../../../support/outbox/advance.ts"
import { keyed, keysSent, queue, states, submit } from "../../../support/outbox/calls.ts"
import { answers, errs, fails, FakeRelay, refuses } from "../../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../../support/outbox/outboxWith.ts"
import { hookSqlite } from "../../../support/SqliteHook.ts"

const times = Effect.flatMap(FakeRelay, (relay) => Effect.map(relay.sent, (sent) => sent.map(({ at }) => at)))

describe("Delivery", () => {
  it.effect("sends what is queued when the link comes up, in order, byte for byte, and keeps the result", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a", "b", "c")
      yield* advance("1 minute")
      assert.deepStrictEqual(yield* keysSent, [])
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["a", "b", "c"])
      const entries = yield* outbox.list({})
      assert.deepStrictEqual((yield* relay.sent).map(({ text }) => text), entries.map(({ request }) => request))
      assert.deepStrictEqual(entries.map(({ result }) => result), Array(3).fill(Option.some("{\"content\":[]}")))
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered", "c delivered"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("repeats what the relay could not do ten times, 1 s to 60 s apart, and then gives up in its words", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.behave((text) => text.includes("\"a\"") ? errs(-32603, "out of order", 500)(text) : answers(text))
      yield* relay.up
      yield* advance("1 hour")
      const at = (yield* times).slice(0, 11)
      assert.deepStrictEqual(at.slice(1).map((time, index) => (time - (at[index] ?? 0)) / 1000), [
        1,
        2,
        4,
        8,
        16,
        32,
        60,
        60,
        60,
        60
      ])
      const entry = Option.getOrThrow(yield* outbox.find(1))
      assert.strictEqual(entry.state, "dead")
      assert.deepStrictEqual(entry.reason, Option.some("given up after 10 retries: out of order (-32603)"))
      assert.deepStrictEqual((yield* keysSent).at(-1), "b")
    }).pipe(Effect.provide(outboxWith())))

  it.effect("makes a dead letter of a refusal, once, and goes on with the next", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a", "b", "c")
      yield* relay.behave((text) =>
        text.includes("\"a\"")
          ? refuses("no such agent")(text)
          : text.includes("\"b\"")
          ? errs(-32602, "bad argument")(text)
          : answers(text)
      )
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual(yield* states, ["a dead", "b dead", "c delivered"])
      const reasons = (yield* outbox.list({ state: "dead" })).map(({ reason }) => Option.getOrThrow(reason))
      assert.deepStrictEqual(reasons, ["no such agent", "bad argument (-32602)"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("goes slower after three equal refusals in a row, up to 60 s, until one is delivered", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue(...Array.from({ length: 12 }, (_, index) => `k${index}`))
      yield* relay.behave(refuses("who are you?"))
      yield* relay.up
      yield* advance("500 millis")
      const waiting = (yield* outbox.list({ state: "pending", limit: 1 }))[0]
      assert.include(
        Option.getOrThrow(waiting?.lastError ?? Option.none()),
        "waits 1 s after 3 equal refusals in a row: who are you?"
      )
      yield* advance("10 minutes")
      const at = yield* times
      const pauses = at.slice(1).map((time, index) => (time - (at[index] ?? 0)) / 1000)
      assert.deepStrictEqual(pauses, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("waits as told by a 429, without counting it", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a")
      yield* relay.behave(fails(new RateLimited({ retryAfterMillis: 90_000 })))
      yield* relay.up
      yield* advance("1 hour")
      assert.deepStrictEqual((yield* times).slice(0, 3), [0, 90_000, 180_000])
      assert.strictEqual(Option.getOrThrow(yield* outbox.find(1)).state, "pending")
    }).pipe(Effect.provide(outboxWith())))

  it.effect("holds the lane on a 403 or a 401 that survives, and tries again every 5 min and when the token changes", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.behave(fails(new Forbidden({ detail: "not you" })))
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual(yield* states, ["a held", "b pending"])
      yield* advance("10 minutes")
      assert.deepStrictEqual(yield* times, [0, 300_000, 600_000])
      yield* relay.behave(fails(new Unauthorized({ challenge: undefined })))
      yield* relay.rotate
      yield* advance("1 second")
      assert.deepStrictEqual(yield* states, ["a held", "b pending"])
      yield* relay.behave(answers)
      yield* relay.rotate
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["a", "a", "a", "a", "a", "b"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("tries a held lane at once by retry, and its head keeps its place", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.behave(fails(new Forbidden({ detail: "not you" })))
      yield* relay.up
      yield* advance("1 second")
      yield* relay.behave(answers)
      assert.deepStrictEqual(yield* outbox.retry([1, 2]), [1])
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["a", "a", "b"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("puts back what broke off, uncounted while the link is Down, and delivers it when it is back", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.behave(() => Effect.andThen(relay.down, fails(new ConnectionLost({ detail: "reset" }))("")))
      for (let outage = 0; outage < 15; outage++) {
        yield* relay.up
        yield* advance("1 minute")
      }
      assert.lengthOf(yield* keysSent, 15)
      yield* relay.behave(answers)
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual((yield* keysSent).slice(-2), ["a", "b"])
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("never sends twice what must not be: an unknown outcome is a dead letter for a person to decide", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* submit(keyed("a", { declaresKey: false }))
      yield* relay.behave(fails(new ConnectionLost({ detail: "reset" })))
      yield* relay.up
      yield* advance("1 hour")
      assert.deepStrictEqual(yield* keysSent, ["a"])
      const entry = Option.getOrThrow(yield* outbox.find(1))
      assert.strictEqual(entry.state, "dead")
      assert.match(Option.getOrThrow(entry.reason), /^unknown: /)
    }).pipe(Effect.provide(outboxWith())))

  it.effect("starts with one worker after an outage and doubles each second to eight", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      for (let lane = 0; lane < 20; lane++) yield* submit(keyed(`k${lane}`, { args: { to: `agent-${lane}` } }))
      yield* relay.behave(() => Effect.never)
      yield* relay.up
      const counts: Array<number> = []
      for (let second = 0; second < 5; second++) {
        yield* advance(second === 0 ? "1 millis" : "1 second")
        counts.push((yield* keysSent).length)
      }
      assert.deepStrictEqual(counts, [1, 2, 4, 8, 8])
    }).pipe(Effect.provide(outboxWith({ lane: "to" }))))

  it.effect("rests while every worker is busy, also where a lane could go on", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      for (const lane of ["x", "y"]) yield* submit(keyed(lane, { args: { to: lane } }))
      yield* relay.behave((text) => text.includes("\"x\"") ? errs(-32603, "busy")(text) : Effect.never)
      yield* relay.up
      yield* advance("1 millis")
      const before = yield* relay.looks
      yield* advance("5 minutes")
      assert.deepStrictEqual(yield* keysSent, ["x", "y"])
      assert.isBelow((yield* relay.looks) - before, 20)
    }).pipe(Effect.provide(outboxWith({ lane: "to", workers: 1 }))))

  it.effect(
    "makes dead letters of what waited for seven days, and forgets what was delivered after 24 h",
    () =>
      Effect.gen(function*() {
        const relay = yield* FakeRelay
        const outbox = yield* Outbox
        yield* relay.down
        yield* queue("a")
        yield* relay.up
        yield* advance("23 hours")
        assert.deepStrictEqual(yield* states, ["a delivered"])
        yield* relay.down
        yield* queue("b")
        yield* advance("2 hours")
        assert.deepStrictEqual(yield* states, ["b pending"])
        yield* advance("7 days")
        assert.deepStrictEqual(yield* states, ["b dead"])
        assert.match(Option.getOrThrow(Option.getOrThrow(yield* outbox.find(2)).reason), /^expired: /)
        // Asked for again, it has another seven days.
        assert.deepStrictEqual(yield* outbox.retry([2]), [2])
        yield* advance("6 days")
        assert.deepStrictEqual(yield* states, ["b pending"])
      }).pipe(Effect.provide(outboxWith())),
    60_000
  )

  it.effect("holds what was accepted for another principal, out of its lane, and returns it in its old order", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      yield* queue("a", "b", "c")
      yield* relay.principal("mallory")
      yield* advance("1 second")
      assert.deepStrictEqual(yield* states, ["a held", "b held", "c held"])
      yield* relay.up
      yield* advance("1 minute")
      assert.deepStrictEqual(yield* keysSent, [])
      assert.strictEqual((yield* submit(keyed("live")))._tag, "Answered")
      assert.deepStrictEqual(yield* outbox.retry([2]), [2])
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["live", "b"])
      yield* relay.principal("alice")
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["live", "b", "a", "c"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("tells of each delivery and each dead letter, once it is on disk", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      const told: Array<string> = []
      const tell = (stream: typeof outbox.delivered, name: string) =>
        Effect.forkScoped(
          Stream.runForEach(stream, ({ key, state }) => Effect.sync(() => told.push(`${name} ${key} ${state}`)))
        )
      yield* tell(outbox.delivered, "delivered")
      yield* tell(outbox.deadLetters, "dead")
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.behave((text) => text.includes("\"a\"") ? refuses("no")(text) : answers(text))
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual(told, ["dead a dead", "delivered b delivered"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("stays with a lane while no other waits, and then writes one commit a delivery", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a", "b", "c", "d")
      let commits = 0
      let wrote = false
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          hookSqlite({
            after: ({ sql }) => {
              if (sql.startsWith("UPDATE outbox SET state")) wrote = true
              if (sql !== "COMMIT") return
              if (wrote) commits++
              wrote = false
            }
          })
        ),
        (unhook) => Effect.sync(unhook)
      )
      yield* relay.up
      yield* advance("500 millis")
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered", "c delivered", "d delivered"])
      // The first claim; a settlement and the next claim, three times; the last settlement.
      assert.strictEqual(commits, 5)
    }).pipe(Effect.provide(outboxWith())))

  it.effect("lets a lane wait its turn where there are fewer workers than lanes", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      for (const key of ["x1", "x2", "y1", "y2"]) yield* submit(keyed(key, { args: { to: key.slice(0, 1) } }))
      yield* relay.up
      yield* advance("500 millis")
      assert.deepStrictEqual(yield* keysSent, ["x1", "y1", "x2", "y2"])
    }).pipe(Effect.provide(outboxWith({ lane: "to", workers: 1 }))))
})
