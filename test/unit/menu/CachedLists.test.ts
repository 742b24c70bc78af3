import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { RelayTarget } from "../../../src/config/Settings.ts"
import { AgentName, defaultAgent, defaultRelay, PrincipalId, RelayId } from "../../../src/domain/Ids.ts"
import { CachedInitialize } from "../../../src/menu/CachedInitialize.ts"
import { CachedLists, type ListKey, ownCapabilities } from "../../../src/menu/CachedLists.ts"
import * as ListResult from "../../../src/menu/ListResult.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))
const target = (id: RelayId, url = "http://relay.test/mcp") =>
  Layer.succeed(RelayTarget, { id, url: new URL(url), token: {} })
const Cached = Layer.mergeAll(CachedLists.layer, CachedInitialize.layer).pipe(
  Layer.provide(target(defaultRelay)),
  Layer.provideMerge(Database)
)
const OtherRelay = Layer.fresh(CachedLists.layer).pipe(Layer.provide(target(RelayId.make("other"))))
/** Under the same name at another URL. */
const Successor = Layer.fresh(Layer.merge(CachedLists.layer, CachedInitialize.layer)).pipe(
  Layer.provide(target(defaultRelay, "http://successor.test/mcp"))
)

const key: ListKey = {
  agent: defaultAgent,
  principal: PrincipalId.make("p"),
  protocolVersion: "2025-11-25",
  capabilities: "c"
}
const found = (key: ListKey) =>
  Effect.gen(function*() {
    return Option.getOrUndefined(yield* (yield* CachedLists).find(key, "tools/list"))?.result
  })

describe("CachedLists", () => {
  it.effect("gives back byte for byte what was cached under a key, with its time", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const text = "{\"tools\": [ {\"name\":\"a\",\"n\":12345678901234567890} ]}"
      yield* TestClock.adjust("90 seconds")
      yield* cached.save(key, "tools/list", text)
      assert.deepStrictEqual(yield* cached.find(key, "tools/list"), Option.some({ fetchedAt: 90_000, result: text }))
      assert.deepStrictEqual(yield* cached.find(key, "prompts/list"), Option.none())
    }).pipe(Effect.provide(Cached)))

  it.effect("prefers the exact key, else the newest of the same agent and principal", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      yield* cached.save(key, "tools/list", "exact")
      yield* TestClock.adjust("1 second")
      yield* cached.save({ ...key, capabilities: "d" }, "tools/list", "older")
      yield* TestClock.adjust("1 second")
      yield* cached.save({ ...key, protocolVersion: "2025-06-18" }, "tools/list", "newer")
      assert.strictEqual(yield* found(key), "exact")
      assert.strictEqual(yield* found({ ...key, capabilities: "e" }), "newer")
    }).pipe(Effect.provide(Cached)))

  it.effect("tells what was offered lately, to whom, without the lists of clients that are gone", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const other = AgentName.make("other")
      yield* cached.save({ ...key, capabilities: "gone" }, "tools/list", "old")
      yield* TestClock.adjust("2 days")
      yield* cached.save({ ...key, agent: other }, "tools/list", "seldom")
      yield* cached.save(key, "prompts/list", "no tools")
      yield* TestClock.adjust("6 days")
      yield* cached.save(key, "tools/list", "new")
      assert.deepStrictEqual(
        (yield* cached.recent("tools/list")).map(({ agent, result }) => [agent, result]),
        [[defaultAgent, "new"], [other, "seldom"]]
      )
      const ofSuccessor = Effect.flatMap(CachedLists, (lists) => lists.recent("tools/list"))
      assert.deepStrictEqual(yield* ofSuccessor.pipe(Effect.provide(Successor)), [])
    }).pipe(Effect.provide(Cached)))

  it.effect("never gives a list of another principal, relay or, unless fetched by Holdfast itself, agent", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const ada = { ...key, agent: AgentName.make("ada") }
      yield* cached.save(ada, "tools/list", "ada's")
      assert.isUndefined(yield* found({ ...ada, principal: PrincipalId.make("q") }))
      assert.isUndefined(yield* found(ada).pipe(Effect.provide(OtherRelay)))
      assert.isUndefined(yield* found(key))
      yield* cached.save({ ...ada, capabilities: ownCapabilities }, "tools/list", "Holdfast's")
      assert.strictEqual(yield* found(key), "Holdfast's")
      assert.isUndefined(yield* found({ ...key, principal: PrincipalId.make("q") }))
    }).pipe(Effect.provide(Cached)))

  it.effect("belongs to the relay's URL: a successor under the same name has none of it, and does not replace it", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const initialize = yield* CachedInitialize
      const hello = (name: string) =>
        `{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"${name}","version":"1"}}`
      yield* cached.save(key, "tools/list", "{\"tools\":[{\"name\":\"send\"}]}")
      yield* initialize.save(hello("old"))
      yield* Effect.gen(function*() {
        const successor = yield* CachedLists
        const itsInitialize = yield* CachedInitialize
        assert.deepStrictEqual(yield* successor.find(key, "tools/list"), Option.none())
        assert.deepStrictEqual(yield* successor.tool(key, "send"), Option.none())
        assert.deepStrictEqual(yield* itsInitialize.find, Option.none())
        yield* successor.save(key, "tools/list", "{\"tools\":[]}")
        yield* itsInitialize.save(hello("new"))
      }).pipe(Effect.provide(Successor))
      const predecessor = Layer.fresh(Layer.merge(CachedLists.layer, CachedInitialize.layer)).pipe(
        Layer.provide(target(defaultRelay))
      )
      yield* Effect.gen(function*() {
        assert.include(yield* found(key), "send")
        assert.deepStrictEqual(yield* (yield* CachedInitialize).find, Option.some(hello("old")))
      }).pipe(Effect.provide(predecessor))
    }).pipe(Effect.provide(Cached)))

  it.effect("writes a list that comes again unchanged once a minute at most, and one that changed at once", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const sql = yield* SqlClient.SqlClient
      /** What is on disk is marked, so that each write shows. */
      const mark = sql`UPDATE kept_lists SET result = 'marked'`
      const onDisk = sql<
        { readonly result: string; readonly at: number }
      >`SELECT result, fetched_at AS at FROM kept_lists`
      yield* cached.save(key, "tools/list", "list")
      yield* mark
      yield* TestClock.adjust("59 seconds")
      yield* cached.save(key, "tools/list", ["li", "st"].join(""))
      assert.deepStrictEqual(yield* onDisk, [{ result: "marked", at: 0 }])
      assert.deepStrictEqual(
        yield* cached.find(key, "tools/list"),
        Option.some({ fetchedAt: 59_000, result: "list" })
      )
      yield* cached.save(key, "tools/list", "changed")
      assert.deepStrictEqual(yield* onDisk, [{ result: "changed", at: 59_000 }])
      yield* mark
      yield* TestClock.adjust("1 minute")
      yield* cached.save(key, "tools/list", "changed")
      assert.deepStrictEqual(yield* onDisk, [{ result: "changed", at: 119_000 }])
    }).pipe(Effect.provide(Cached)))

  it.effect("writes again what a disk that failed did not take", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const sql = yield* SqlClient.SqlClient
      yield* sql`ALTER TABLE kept_lists RENAME TO gone`
      yield* cached.save(key, "tools/list", "list")
      yield* sql`ALTER TABLE gone RENAME TO kept_lists`
      yield* cached.save(key, "tools/list", "list")
      assert.deepStrictEqual(yield* sql`SELECT result FROM kept_lists`, [{ result: "list" }])
    }).pipe(Effect.provide(Cached)))

  it.effect("forgets an agent's lists in memory as well", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      yield* cached.save(key, "tools/list", "list")
      yield* cached.forget(defaultAgent)
      assert.isUndefined(yield* found(key))
    }).pipe(Effect.provide(Cached)))

  it.effect("tells what a tool declares, and forgets it when a new list is cached", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      assert.deepStrictEqual(yield* cached.tool(key, "send"), Option.none())
      yield* cached.save(
        key,
        "tools/list",
        JSON.stringify({
          tools: [
            {
              name: "send",
              inputSchema: { properties: { idempotencyKey: {} } },
              annotations: { idempotentHint: true }
            },
            { name: "open", inputSchema: { additionalProperties: true }, annotations: { readOnlyHint: true } },
            { name: "odd", inputSchema: null, annotations: "x" },
            null
          ]
        })
      )
      const no = {
        declaresKey: false,
        idempotentHint: false,
        readOnlyHint: false,
        requiresTask: false,
        neverQueued: false
      }
      const specs = yield* Effect.forEach(["send", "open", "odd", "gone"], (name) => cached.tool(key, name))
      assert.deepStrictEqual(specs.map(Option.getOrUndefined), [
        { ...no, name: "send", declaresKey: true, idempotentHint: true },
        { ...no, name: "open", readOnlyHint: true },
        { ...no, name: "odd" },
        undefined
      ])
      yield* cached.save(key, "tools/list", "{\"tools\":[]}")
      assert.deepStrictEqual(yield* cached.tool(key, "send"), Option.none())
    }).pipe(Effect.provide(Cached)))

  it.effect("goes on without a disk: nothing is cached, nothing known, no call fails", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const initialize = yield* CachedInitialize
      const sql = yield* SqlClient.SqlClient
      yield* sql`DROP TABLE kept_lists`
      yield* sql`DROP TABLE kept_initialize`
      assert.strictEqual((yield* cached.save(key, "tools/list", "{}")).result, "{}")
      assert.deepStrictEqual(yield* cached.find(key, "tools/list"), Option.none())
      assert.deepStrictEqual(yield* cached.tool(key, "send"), Option.none())
      yield* initialize.save("{}")
      assert.deepStrictEqual(yield* initialize.find, Option.none())
    }).pipe(Effect.provide(Cached)))

  it.effect("drops lists that nobody has fetched for 90 days", () =>
    Effect.gen(function*() {
      const cached = yield* CachedLists
      const gone = { ...key, principal: PrincipalId.make("gone") }
      yield* cached.save(gone, "tools/list", "old")
      yield* TestClock.adjust("91 days")
      assert.strictEqual(yield* found(gone), "old")
      yield* cached.save(key, "tools/list", "new")
      assert.isUndefined(yield* found(gone))
    }).pipe(Effect.provide(Cached)))
})

describe("CachedInitialize", () => {
  it.effect("keeps the relay's last result, and none that no client could be answered with", () =>
    Effect.gen(function*() {
      const cached = yield* CachedInitialize
      const result = (name: string) =>
        `{"protocolVersion":"2025-06-18", "capabilities":{},"serverInfo":{"name":"${name}","version":"1"}}`
      assert.deepStrictEqual(yield* cached.find, Option.none())
      yield* cached.save(result("one"))
      yield* cached.save(result("two"))
      for (const none of ["null", "5", "[]", "{}", result("three").replace("{}", "[]")]) yield* cached.save(none)
      assert.deepStrictEqual(yield* cached.find, Option.some(result("two")))
    }).pipe(Effect.provide(Cached)))
})

describe("a cached list", () => {
  it("says when it was fetched and that it is not to be cached", () => {
    assert.strictEqual(
      ListResult.stale({ fetchedAt: 90_000, result: "{\"tools\":[],\"ttlMs\":60000,\"_meta\":{\"a\":1}}" }),
      "{\"tools\":[],\"ttlMs\":0,\"_meta\":{\"a\":1,\"holdfast/stale\":\"1970-01-01T00:01:30.000Z\"}}"
    )
  })

  it("is one page, of however many it was fetched", () => {
    assert.strictEqual(ListResult.onePage("tools", ["{\"tools\": [ 1 ],\"x\":1.0}"]), "{\"tools\": [ 1 ],\"x\":1.0}")
    assert.strictEqual(
      ListResult.onePage("tools", [
        "{\"tools\":[1.0],\"nextCursor\":\"a\",\"x\":1}",
        "{\"nextCursor\":\"b\",\"tools\":[2, 3]}",
        "{}"
      ]),
      "{\"tools\":[1.0,2,3],\"x\":1}"
    )
  })
})
