import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { AgentName, defaultRelay } from "../../../../src/domain/Ids.ts"
import * as OwnTasks from "../../../../src/mcp/handlers/OwnTasks.ts"
import type { Entry } from "../../../../src/outbox/Entry.ts"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { Results } from "../../../../src/results/Results.ts"
import { type Task, Tasks } from "../../../../src/results/Tasks.ts"
import * as Migrations from "../../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"

const [mine, theirs] = [AgentName.make("mine"), AgentName.make("theirs")]

/** Tasks of queued calls, by key, and what a listener is told of them. */
const listening = Effect.gen(function*() {
  const discarded = new Set<string>()
  const letter = Option.some({} as Entry)
  const services = yield* Layer.build(
    Tasks.layer.pipe(
      Layer.provideMerge(Results.layer),
      Layer.provideMerge(
        Layer.mock(Outbox, {
          desert: () => {},
          hasUnreported: () => false,
          byKey: (_agent, _tool, key) => Effect.sync(() => discarded.has(key) ? Option.none() : letter)
        })
      ),
      Layer.provide(Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} })),
      Layer.provide(Layer.succeed(Settings, settingsFrom({}))),
      Layer.provide(Supervisor.layer),
      Layer.provide(Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))),
      Layer.fresh
    )
  )
  const { own, results, tasks } = yield* Effect.provide(
    Effect.all({ own: OwnTasks.make, results: Results, tasks: Tasks }),
    services
  )
  const queued = Effect.fnUntraced(function*(agent: AgentName, key: string) {
    const call = { agent, tool: "deploy", name: undefined, onlyReads: false, calledAt: 0 }
    const task = yield* tasks.ofQueued(call, key)
    return Option.isSome(task) ? task.value.id : assert.fail("there is no task")
  })
  const told: Array<Task["state"]> = []
  const follow = (ids: ReadonlyArray<string>) =>
    Effect.forkChild(own.follow(mine, ids, ({ state }) => Effect.sync(() => void told.push(state))), {
      startImmediately: true
    })
  const delivered = (agent: AgentName, key: string) =>
    Effect.andThen(results.settled(agent, key, `{"id":null,"result":{}}`, false), Effect.yieldNow)
  return { discarded, tasks, queued, told, follow, delivered }
})

describe("who listens for tasks of Holdfast's own", () => {
  it.effect("is told of each once it has ended, however it ends, and then of nothing", () =>
    Effect.gen(function*() {
      const { delivered, discarded, follow, queued, tasks, told } = yield* listening
      const ids = [yield* queued(mine, "sent"), yield* queued(mine, "cancelled"), yield* queued(mine, "discarded")]
      const fiber = yield* follow(ids)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(told, [])
      yield* delivered(mine, "sent")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, ["answered"])
      yield* tasks.cancelled(mine, ids[1]!)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, ["answered", "cancelled"])
      discarded.add("discarded")
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(told, ["answered", "cancelled", "failed"])
    }))

  it.effect("is told at once of what has ended, and of no other agent's", () =>
    Effect.gen(function*() {
      const { delivered, follow, queued, told } = yield* listening
      const [done, foreign] = [yield* queued(mine, "done"), yield* queued(theirs, "foreign")]
      yield* delivered(mine, "done")
      yield* delivered(theirs, "foreign")
      const fiber = yield* follow([done, foreign, "holdfast-task-none"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(told, ["answered"])
    }))
})
