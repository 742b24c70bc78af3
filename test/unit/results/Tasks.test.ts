import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { AgentName, defaultRelay } from "../../../src/domain/Ids.ts"
import type { NewCall } from "../../../src/results/KeptResult.ts"
import { Results } from "../../../src/results/Results.ts"
import { Tasks } from "../../../src/results/Tasks.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A start of the relay's part of the daemon, over the same database. */
const started = <A, E>(
  test: (tasks: Tasks["Service"], results: Results["Service"]) => Effect.Effect<A, E>,
  settings: Parameters<typeof settingsFrom>[0] = {}
) =>
  Effect.flatMap(Effect.all([Tasks, Results]), ([tasks, results]) => test(tasks, results)).pipe(Effect.provide(
    Tasks.layer.pipe(
      Layer.provideMerge(Results.layer),
      Layer.provide(Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} })),
      Layer.provide(Layer.succeed(Settings, settingsFrom(settings))),
      Layer.provide(Supervisor.layer),
      Layer.fresh
    )
  ))

const [mine, theirs] = [AgentName.make("mine"), AgentName.make("theirs")]
const callOf = (agent: AgentName): NewCall => ({
  agent,
  tool: "deploy",
  name: undefined,
  onlyReads: false,
  calledAt: 0
})
const answer = (text: string) => `{"jsonrpc":"2.0","id":null,"result":{"content":[{"type":"text","text":"${text}"}]}}`

const idOf = Effect.fnUntraced(function*(made: Effect.Effect<Option.Option<{ readonly id: string }>>) {
  const task = yield* made
  return Option.isSome(task) ? task.value.id : assert.fail("there is no task")
})
const stateOf = (tasks: Tasks["Service"], agent: AgentName, id: string) =>
  Effect.map(tasks.find(agent, id), (task) => Option.getOrUndefined(Option.map(task, ({ state }) => state)))

describe("tasks", () => {
  it.effect("follow their letter over a restart, are one for each letter, and no other agent's", () =>
    Effect.gen(function*() {
      const id = yield* started((tasks) => idOf(tasks.ofQueued(callOf(mine), "k")))
      yield* started((tasks, results) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* stateOf(tasks, mine, id), "queued")
          assert.strictEqual(yield* stateOf(tasks, theirs, id), undefined)
          assert.strictEqual(yield* idOf(tasks.ofQueued(callOf(mine), "k")), id)
          assert.notStrictEqual(yield* idOf(tasks.ofQueued(callOf(theirs), "k")), id)
          assert.deepStrictEqual(yield* results.nextQueued, { agent: mine, tool: "deploy", key: "k" })
          yield* results.settled(mine, "k", answer("sent"), false)
          // Whoever holds the task asks for it.
          assert.isFalse(results.hasNews(mine))
        })
      )
      yield* started((tasks) =>
        Effect.gen(function*() {
          const task = yield* tasks.find(mine, id)
          assert.deepStrictEqual(Option.flatMap(task, ({ response }) => response), Option.some(answer("sent")))
          assert.strictEqual(yield* stateOf(tasks, mine, id), "answered")
        })
      )
    }).pipe(Effect.provide(Database)))

  it.effect("stay cancelled, whatever comes of their call; an end stays an end", () =>
    started((tasks, results) =>
      Effect.gen(function*() {
        const id = yield* idOf(tasks.ofQueued(callOf(mine), "k"))
        yield* tasks.cancelled(mine, id)
        yield* results.settled(mine, "k", answer("all the same"), false)
        assert.strictEqual(yield* stateOf(tasks, mine, id), "cancelled")

        const other = yield* idOf(tasks.ofQueued(callOf(mine), "l"))
        yield* results.settled(mine, "l", answer("sent"), false)
        yield* tasks.cancelled(mine, other)
        assert.strictEqual(yield* stateOf(tasks, mine, other), "answered")
      })
    ).pipe(Effect.provide(Database)))

  it.effect("of a call that is under way end with it, and are gone a day later, cancelled ones, too", () =>
    started((tasks, results) =>
      Effect.gen(function*() {
        const call = yield* results.begin(callOf(mine), undefined)
        const id = yield* idOf(tasks.ofRunning(callOf(mine), call!))
        assert.strictEqual(yield* stateOf(tasks, mine, id), "running")
        yield* TestClock.adjust("30 minutes")
        yield* results.keep(callOf(mine), call, { _tag: "Response", text: answer("late") })
        assert.strictEqual(yield* stateOf(tasks, mine, id), "answered")
        const cancelled = yield* idOf(tasks.ofQueued(callOf(mine), "k"))
        yield* tasks.cancelled(mine, cancelled)

        yield* TestClock.adjust("24 hours")
        assert.strictEqual(yield* stateOf(tasks, mine, cancelled), "cancelled")
        yield* TestClock.adjust("11 minutes")
        assert.strictEqual(yield* stateOf(tasks, mine, id), undefined)
        yield* idOf(tasks.ofQueued(callOf(mine), "another"))
        assert.strictEqual(yield* stateOf(tasks, mine, cancelled), undefined)
      })
    ).pipe(Effect.provide(Database)))

  it.effect("of one agent are so many at once, and another's have room", () =>
    started((tasks, results) =>
      Effect.gen(function*() {
        yield* idOf(tasks.ofQueued(callOf(mine), "a"))
        yield* idOf(tasks.ofQueued(callOf(mine), "b"))
        assert.isTrue(Option.isNone(yield* tasks.ofQueued(callOf(mine), "c")))
        // Nothing is left of what became none.
        assert.lengthOf(yield* results.list({ agent: mine, limit: 10 }), 2)
        yield* idOf(tasks.ofQueued(callOf(theirs), "c"))
        yield* results.settled(mine, "a", answer("sent"), false)
        yield* idOf(tasks.ofQueued(callOf(mine), "c"))
      }), { results: { max: 2 } }).pipe(Effect.provide(Database)))

  it.effect("that did not reach their agent are told of as any kept result", () =>
    started((tasks, results) =>
      Effect.gen(function*() {
        const id = yield* idOf(tasks.ofQueued(callOf(mine), "k"))
        yield* tasks.withdrawn(mine, id)
        yield* results.settled(mine, "k", answer("sent"), false)
        assert.isTrue(results.hasNews(mine))
        assert.strictEqual(yield* stateOf(tasks, mine, id), undefined)
      })
    ).pipe(Effect.provide(Database)))
})
