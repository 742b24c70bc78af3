import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../../src/domain/Ids.ts"
import * as Message from "../../../../src/domain/Message.ts"
import * as TasksExtension from "../../../../src/domain/TasksExtension.ts"
import { Inbox } from "../../../../src/inbox/Inbox.ts"
import * as Requests from "../../../../src/mcp/dispatch/Requests.ts"
import type { Handlers } from "../../../../src/mcp/handlers/Handlers.ts"
import { LiveCalls } from "../../../../src/mcp/handlers/LiveCalls.ts"
import { ListChanges } from "../../../../src/mcp/menu/ListChanges.ts"
import { contextPrefix } from "../../../../src/mcp/sessions/AgentSession.ts"
import { AgentSessions } from "../../../../src/mcp/sessions/AgentSessions.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { OpenStreams } from "../../../../src/mcp/streams/OpenStreams.ts"
import { CachedInitialize } from "../../../../src/menu/CachedInitialize.ts"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import { Results } from "../../../../src/results/Results.ts"
import { idPrefix, Tasks } from "../../../../src/results/Tasks.ts"
import * as Migrations from "../../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../../src/storage/SqliteClient.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { LiveToken } from "../../../../src/token/LiveToken.ts"
import { agentSession } from "../../../support/agentSession.ts"
import { silentConnection } from "../../../support/silentConnection.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A client without sessions whose call went quiet: its task is on disk, and waits to be given to it. */
const taskWritten = Effect.gen(function*() {
  const onDisk = yield* Deferred.make<void>()
  const goOn = yield* Deferred.make<void>()
  const relayAnswers = yield* Deferred.make<string>()

  const SlowTasks = Layer.effect(
    Tasks,
    Effect.map(Tasks, (tasks) =>
      Tasks.of({
        ...tasks,
        ofRunning: (call, result) =>
          Effect.tap(
            tasks.ofRunning(call, result),
            () => Effect.andThen(Deferred.succeed(onDisk, undefined), Deferred.await(goOn))
          )
      }))
  ).pipe(Layer.provide(Tasks.layer))

  const services = yield* Layer.build(
    Layer.merge(LiveCalls.layer, OpenStreams.layer).pipe(
      Layer.provideMerge(Layer.merge(SlowTasks, EventLogs.layer)),
      Layer.provideMerge(Results.layer),
      Layer.provideMerge(Layer.mergeAll(
        Layer.mock(RelayLink, {}),
        Layer.mock(Outbox, { desert: () => {}, hasUnreported: () => false, deadLetters: Stream.empty }),
        Layer.mock(Inbox, { hasNews: () => false, received: Stream.empty }),
        Layer.mock(LiveToken, {}),
        Layer.mock(CachedInitialize, {}),
        Layer.mock(AgentSessions, { findLoaded: () => undefined }),
        Layer.mock(ListChanges, { requested: () => {} })
      )),
      Layer.provideMerge(Layer.provideMerge(Deadlines.layer, Supervisor.layer)),
      Layer.provideMerge(
        Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} })
      ),
      Layer.provideMerge(Layer.succeed(Settings, settingsFrom({ streams: { answerProgress: "5 seconds" } })))
    )
  )

  const begin = Effect.gen(function*() {
    const session = yield* agentSession({
      id: `${contextPrefix}1`,
      protocolVersion: "2026-07-28",
      capabilities: { extensions: { [TasksExtension.name]: {} } }
    })
    const handlers: Pick<Handlers, "handlerFor" | "continues"> = {
      handlerFor: () =>
        Effect.fnUntraced(function*({ call }) {
          call?.sent()
          const text = yield* Deferred.await(relayAnswers)
          return { outcome: "answered", status: 200, headers: {}, body: { _tag: "Whole", text } }
        }),
      continues: () => false
    }
    const requests = yield* Requests.make(handlers as Handlers)
    const parsed = Message.parse(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"long","arguments":{}}}`
    )
    if (parsed._tag === "Failure" || parsed.success._tag !== "Request") return assert.fail("it is no request")
    const client = silentConnection()
    requests.modern(session, parsed.success, {}, client.connection)
    yield* TestClock.adjust("5 seconds")
    yield* Deferred.await(onDisk)
    return { client, session, results: yield* Results }
  })

  const { client, results, session } = yield* Effect.provide(begin, services)
  const sql = yield* SqlClient.SqlClient
  return {
    client,
    /** All that is done by now has an end. */
    relayAnswers: Effect.andThen(
      Deferred.succeed(relayAnswers, `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}`),
      session.idle
    ),
    isGiven: Effect.andThen(Deferred.succeed(goOn, undefined), TestClock.adjust("1 second")),
    tasks: Effect.map(sql<{ readonly id: string }>`SELECT id FROM tasks`, (rows) => rows.map(({ id }) => id)),
    results: results.list({ agent: defaultAgent, limit: 10 }),
    hasNews: Effect.sync(() => results.hasNews(defaultAgent))
  }
})

describe("a call that is written down as a task", () => {
  it.effect("is that task to its client, which alone asks for the result", () =>
    Effect.gen(function*() {
      const { client, hasNews, isGiven, relayAnswers, results, tasks } = yield* taskWritten
      yield* isGiven
      assert.include(client.text(), idPrefix)
      yield* relayAnswers
      yield* isGiven
      assert.lengthOf(yield* tasks, 1)
      assert.deepStrictEqual((yield* results).map(({ state }) => state), ["answered"])
      assert.isFalse(yield* hasNews)
    }).pipe(Effect.provide(Layer.fresh(Database))))

  it.effect("and answered before its client had the task is answered alone, and nothing of it is left", () =>
    Effect.gen(function*() {
      const { client, hasNews, isGiven, relayAnswers, results, tasks } = yield* taskWritten
      yield* relayAnswers
      assert.include(client.text(), "done")
      yield* isGiven
      assert.notInclude(client.text(), idPrefix)
      assert.deepStrictEqual(yield* tasks, [])
      assert.deepStrictEqual(yield* results, [])
      assert.isFalse(yield* hasNews)
    }).pipe(Effect.provide(Layer.fresh(Database))))

  it.effect("whose client went before it had the task is told of to its agent as any kept result", () =>
    Effect.gen(function*() {
      const { client, hasNews, isGiven, relayAnswers, results, tasks } = yield* taskWritten
      client.connection.destroy()
      yield* isGiven
      yield* relayAnswers
      yield* isGiven
      assert.deepStrictEqual(yield* tasks, [])
      assert.deepStrictEqual((yield* results).map(({ state }) => state), ["answered"])
      assert.isTrue(yield* hasNews)
    }).pipe(Effect.provide(Layer.fresh(Database))))

  it.effect("whose client went while the task was sent to it is told of to its agent as any kept result", () =>
    Effect.gen(function*() {
      const { client, hasNews, isGiven, relayAnswers, results, tasks } = yield* taskWritten
      client.stall()
      yield* isGiven
      client.connection.destroy()
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* relayAnswers
      yield* isGiven
      assert.deepStrictEqual(yield* tasks, [])
      assert.deepStrictEqual((yield* results).map(({ state }) => state), ["answered"])
      assert.isTrue(yield* hasNews)
    }).pipe(Effect.provide(Layer.fresh(Database))))

  it.effect("whose client went before it had the task, and the answer, is told of to its agent all the same", () =>
    Effect.gen(function*() {
      const { client, hasNews, isGiven, relayAnswers, results, tasks } = yield* taskWritten
      client.connection.destroy()
      yield* relayAnswers
      yield* isGiven
      assert.deepStrictEqual(yield* tasks, [])
      assert.deepStrictEqual((yield* results).map(({ state }) => state), ["answered"])
      assert.isTrue(yield* hasNews)
    }).pipe(Effect.provide(Layer.fresh(Database))))
})
