import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { AgentName, defaultRelay } from "../../../src/domain/Ids.ts"
import type { NewCall } from "../../../src/results/KeptResult.ts"
import { Results } from "../../../src/results/Results.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A start of the relay's part of the daemon, over the same database. */
const started = <A, E>(
  test: (results: Results["Service"]) => Effect.Effect<A, E>,
  settings: Parameters<typeof settingsFrom>[0] = {}
) =>
  Effect.flatMap(Results, test).pipe(Effect.provide(
    Layer.fresh(Results.layer).pipe(
      Layer.provide(Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} })),
      Layer.provide(Layer.succeed(Settings, settingsFrom(settings))),
      Layer.provide(Supervisor.layer)
    )
  ))

const [mine, theirs] = [AgentName.make("mine"), AgentName.make("theirs")]
const callOf = (agent: AgentName, name?: string): NewCall => ({
  agent,
  tool: "deploy",
  name,
  onlyReads: false,
  calledAt: 0
})
const answer = (text: string) => `{"jsonrpc":"2.0","id":null,"result":{"content":[{"type":"text","text":"${text}"}]}}`
const error = (delivery: string) =>
  `{"jsonrpc":"2.0","id":null,"error":{"code":-31002,"message":"m","data":{"delivery":"${delivery}"}}}`
const textOf = (found: Option.Option<{ readonly response: Option.Option<string> }>) =>
  Option.getOrUndefined(Option.flatMap(found, ({ response }) => response))

describe("results", () => {
  it.effect("are kept over a restart, told once, and are no other agent's", () =>
    Effect.gen(function*() {
      const id = yield* started((results) =>
        Effect.gen(function*() {
          assert.isFalse(results.hasNews(mine))
          return yield* results.keep(callOf(mine), undefined, { _tag: "Response", text: answer("done") })
        })
      )
      assert.isDefined(id)
      yield* started((results) =>
        Effect.gen(function*() {
          assert.isTrue(results.hasNews(mine))
          assert.isFalse(results.hasNews(theirs))
          assert.deepStrictEqual((yield* results.takeNews(theirs)).length, 0)
          assert.deepStrictEqual((yield* results.takeNews(mine)).map((kept) => [kept.id, kept.state]), [[
            id,
            "answered"
          ]])
          assert.isFalse(results.hasNews(mine))
          assert.deepStrictEqual(yield* results.takeNews(mine), [])
          assert.strictEqual(textOf(yield* results.find(id!, mine)), answer("done"))
          assert.isTrue(Option.isNone(yield* results.find(id!, theirs)))
          assert.deepStrictEqual(yield* results.list({ agent: theirs, limit: 10 }), [])
          yield* results.forget(mine)
          assert.isTrue(Option.isNone(yield* results.find(id!)))
        })
      )
    }).pipe(Effect.provide(Database)))

  it.effect("are gone after a day, also for who holds their id", () =>
    started((results) =>
      Effect.gen(function*() {
        const id = yield* results.keep(callOf(mine, "n"), undefined, { _tag: "Response", text: answer("old") })
        yield* TestClock.adjust("24 hours")
        assert.isTrue(Option.isSome(yield* results.find(id!)))
        yield* TestClock.adjust("11 minutes")
        assert.isTrue(Option.isNone(yield* results.find(id!)))
        assert.isTrue(Option.isNone(yield* results.same(mine, "n")))
        assert.isFalse(results.hasAny(mine))
        assert.isFalse(results.hasNews(mine))
      })
    ).pipe(Effect.provide(Database)))

  it.effect("have bounds for each agent: its oldest make room, nobody else's", () =>
    started((results) =>
      Effect.gen(function*() {
        const keep = (agent: AgentName, text: string) =>
          results.keep(callOf(agent), undefined, { _tag: "Response", text: answer(text) })
        yield* keep(theirs, "theirs")
        for (const text of ["1", "2", "3", "4"]) yield* keep(mine, text)
        const texts = Effect.fnUntraced(function*(agent: AgentName) {
          const listed = yield* results.list({ agent, limit: 10 })
          // A listing brings no megabytes along.
          assert.isTrue(listed.every(({ response }) => Option.isNone(response)))
          return (yield* Effect.forEach(listed, ({ id }) => results.find(id))).map(textOf)
        })
        assert.deepStrictEqual(yield* texts(mine), ["2", "3", "4"].map(answer))
        yield* keep(mine, "x".repeat(800))
        assert.deepStrictEqual(yield* texts(mine), ["4", "x".repeat(800)].map(answer))
        const large = yield* keep(mine, "y".repeat(2000))
        assert.match(textOf(yield* results.find(large!)) ?? "", /carried out.* not kept/)
        assert.deepStrictEqual(yield* texts(theirs), [answer("theirs")])
      }), { results: { max: 3, maxBytes: "1 KiB" } }).pipe(Effect.provide(Database)))

  it.effect("answer the same call again, unless trying anew does no harm", () =>
    started((results) =>
      Effect.gen(function*() {
        const keep = (name: string, text: string, onlyReads = false) =>
          results.keep({ ...callOf(mine, name), onlyReads }, undefined, { _tag: "Response", text })
        yield* keep("answered", answer("a"))
        yield* keep("unknown", error("unknown"))
        yield* keep("not sent", error("not sent"))
        yield* keep("read", error("unknown"), true)
        const same = (name: string) => Effect.map(results.same(mine, name), textOf)
        assert.strictEqual(yield* same("answered"), answer("a"))
        assert.strictEqual(yield* same("unknown"), error("unknown"))
        assert.isUndefined(yield* same("not sent"))
        assert.isUndefined(yield* same("read"))
        assert.isUndefined(yield* same("another"))
        assert.isTrue(Option.isNone(yield* results.same(theirs, "answered")))
        // Who was given a result is not told of it.
        assert.strictEqual((yield* results.takeNews(mine)).length, 2)
      })
    ).pipe(Effect.provide(Database)))

  it.effect("of calls that a crash left under way come to whoever makes the call again", () =>
    Effect.gen(function*() {
      const resume = { session: "s", protocolVersion: "2025-11-25", eventId: "e1", id: "7" }
      const [lost, resumed] = yield* started((results) =>
        Effect.gen(function*() {
          const lost = yield* results.begin(callOf(mine, "lost"), undefined)
          const resumed = yield* results.begin(callOf(mine, "resumed"), resume)
          yield* results.resumeFrom(resumed!, { ...resume, eventId: "e2" })
          const dropped = yield* results.begin(callOf(mine), undefined)
          yield* results.drop(dropped!)
          assert.isFalse(results.hasNews(mine))
          return [lost ?? 0, resumed ?? 0] as const
        })
      )
      yield* started((results) =>
        Effect.gen(function*() {
          const left = [yield* results.nextLeft, yield* results.nextLeft]
          assert.deepStrictEqual(left.map((call) => [call.id, Option.getOrUndefined(call.resume)]), [
            [lost, undefined],
            [resumed, { ...resume, eventId: "e2" }]
          ])
          const again = yield* Effect.forkChild(results.same(mine, "resumed"), { startImmediately: true })
          yield* results.ended(lost, error("unknown"))
          assert.isUndefined(again.pollUnsafe())
          yield* results.ended(resumed, answer("late"))
          assert.strictEqual(textOf(yield* Fiber.join(again)), answer("late"))
          assert.deepStrictEqual((yield* results.takeNews(mine)).map(({ id, state }) => [id, state]), [[
            lost,
            "failed"
          ]])
        })
      )
    }).pipe(Effect.provide(Database)))

  it.effect("of queued calls are what the outbox makes of them, be it before that they were written down", () =>
    started((results) =>
      Effect.gen(function*() {
        yield* results.keep(callOf(mine), undefined, { _tag: "Queued", key: "k" })
        assert.isFalse(results.hasNews(mine))
        assert.deepStrictEqual(yield* results.nextQueued, { agent: mine, tool: "deploy", key: "k" })
        yield* results.settled(theirs, "k", answer("not mine"), false)
        assert.isFalse(results.hasNews(mine))
        yield* results.settled(mine, "k", answer("delivered"), false)
        assert.deepStrictEqual((yield* results.takeNews(mine)).map(({ response }) => response), [
          Option.some(answer("delivered"))
        ])
      })
    ).pipe(Effect.provide(Database)))
})
