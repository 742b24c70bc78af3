import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { RelayTarget } from "../../../src/config/Settings.ts"
import { AgentName, defaultAgent, defaultRelay, PrincipalId, RelayId } from "../../../src/domain/Ids.ts"
import { KeptInitialize } from "../../../src/menu/KeptInitialize.ts"
import { KeptLists, type ListKey, ownCapabilities } from "../../../src/menu/KeptLists.ts"
import { onePage } from "../../../src/menu/onePage.ts"
import { staleList } from "../../../src/menu/StaleList.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))
const target = (id: RelayId) => Layer.succeed(RelayTarget, { id, url: new URL("http://relay.test/mcp"), token: {} })
const Kept = Layer.mergeAll(KeptLists.layer, KeptInitialize.layer).pipe(
  Layer.provide(target(defaultRelay)),
  Layer.provideMerge(Database)
)
const OtherRelay = Layer.fresh(KeptLists.layer).pipe(Layer.provide(target(RelayId.make("other"))))

const key: ListKey = {
  agent: defaultAgent,
  principal: PrincipalId.make("p"),
  protocolVersion: "2025-11-25",
  capabilities: "c"
}
const found = (key: ListKey) =>
  Effect.gen(function*() {
    return Option.getOrUndefined(yield* (yield* KeptLists).find(key, "tools/list"))?.result
  })

describe("KeptLists", () => {
  it.effect("gives back byte for byte what was kept under a key, with its time", () =>
    Effect.gen(function*() {
      const kept = yield* KeptLists
      const text = "{\"tools\": [ {\"name\":\"a\",\"n\":12345678901234567890} ]}"
      yield* TestClock.adjust("90 seconds")
      yield* kept.keep(key, "tools/list", text)
      assert.deepStrictEqual(yield* kept.find(key, "tools/list"), Option.some({ fetchedAt: 90_000, result: text }))
      assert.deepStrictEqual(yield* kept.find(key, "prompts/list"), Option.none())
    }).pipe(Effect.provide(Kept)))

  it.effect("prefers the exact key, else the newest of the same agent and principal", () =>
    Effect.gen(function*() {
      const kept = yield* KeptLists
      yield* kept.keep(key, "tools/list", "exact")
      yield* TestClock.adjust("1 second")
      yield* kept.keep({ ...key, capabilities: "d" }, "tools/list", "older")
      yield* TestClock.adjust("1 second")
      yield* kept.keep({ ...key, protocolVersion: "2025-06-18" }, "tools/list", "newer")
      assert.strictEqual(yield* found(key), "exact")
      assert.strictEqual(yield* found({ ...key, capabilities: "e" }), "newer")
    }).pipe(Effect.provide(Kept)))

  it.effect("never gives a list of another principal, relay or, unless fetched by Holdfast itself, agent", () =>
    Effect.gen(function*() {
      const kept = yield* KeptLists
      const ada = { ...key, agent: AgentName.make("ada") }
      yield* kept.keep(ada, "tools/list", "ada's")
      assert.isUndefined(yield* found({ ...ada, principal: PrincipalId.make("q") }))
      assert.isUndefined(yield* found(ada).pipe(Effect.provide(OtherRelay)))
      assert.isUndefined(yield* found(key))
      yield* kept.keep({ ...ada, capabilities: ownCapabilities }, "tools/list", "Holdfast's")
      assert.strictEqual(yield* found(key), "Holdfast's")
      assert.isUndefined(yield* found({ ...key, principal: PrincipalId.make("q") }))
    }).pipe(Effect.provide(Kept)))

  it.effect("tells what a tool declares, and forgets it when a new list is kept", () =>
    Effect.gen(function*() {
      const kept = yield* KeptLists
      assert.deepStrictEqual(yield* kept.tool(key, "send"), Option.none())
      yield* kept.keep(
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
      const no = { declaresKey: false, idempotentHint: false, readOnlyHint: false, requiresTask: false }
      const specs = yield* Effect.forEach(["send", "open", "odd", "gone"], (name) => kept.tool(key, name))
      assert.deepStrictEqual(specs.map(Option.getOrUndefined), [
        { ...no, name: "send", declaresKey: true, idempotentHint: true },
        { ...no, name: "open", readOnlyHint: true },
        { ...no, name: "odd" },
        undefined
      ])
      yield* kept.keep(key, "tools/list", "{\"tools\":[]}")
      assert.deepStrictEqual(yield* kept.tool(key, "send"), Option.none())
    }).pipe(Effect.provide(Kept)))

  it.effect("goes on without a disk: nothing is kept, nothing known, no call fails", () =>
    Effect.gen(function*() {
      const kept = yield* KeptLists
      const initialize = yield* KeptInitialize
      const sql = yield* SqlClient.SqlClient
      yield* sql`DROP TABLE kept_lists`
      yield* sql`DROP TABLE kept_initialize`
      assert.strictEqual((yield* kept.keep(key, "tools/list", "{}")).result, "{}")
      assert.deepStrictEqual(yield* kept.find(key, "tools/list"), Option.none())
      assert.deepStrictEqual(yield* kept.tool(key, "send"), Option.none())
      yield* initialize.keep("{}")
      assert.deepStrictEqual(yield* initialize.find, Option.none())
    }).pipe(Effect.provide(Kept)))

  it.effect("drops lists that nobody has fetched for 90 days", () =>
    Effect.gen(function*() {
      const kept = yield* KeptLists
      const gone = { ...key, principal: PrincipalId.make("gone") }
      yield* kept.keep(gone, "tools/list", "old")
      yield* TestClock.adjust("91 days")
      assert.strictEqual(yield* found(gone), "old")
      yield* kept.keep(key, "tools/list", "new")
      assert.isUndefined(yield* found(gone))
    }).pipe(Effect.provide(Kept)))
})

describe("KeptInitialize", () => {
  it.effect("keeps the relay's last result, and none that no client could be answered with", () =>
    Effect.gen(function*() {
      const kept = yield* KeptInitialize
      const result = (name: string) =>
        `{"protocolVersion":"2025-06-18", "capabilities":{},"serverInfo":{"name":"${name}","version":"1"}}`
      assert.deepStrictEqual(yield* kept.find, Option.none())
      yield* kept.keep(result("one"))
      yield* kept.keep(result("two"))
      for (const none of ["null", "5", "[]", "{}", result("three").replace("{}", "[]")]) yield* kept.keep(none)
      assert.deepStrictEqual(yield* kept.find, Option.some(result("two")))
    }).pipe(Effect.provide(Kept)))
})

describe("a kept list", () => {
  it("says when it was fetched and that it is not to be cached", () => {
    assert.strictEqual(
      staleList({ fetchedAt: 90_000, result: "{\"tools\":[],\"ttlMs\":60000,\"_meta\":{\"a\":1}}" }),
      "{\"tools\":[],\"ttlMs\":0,\"_meta\":{\"a\":1,\"holdfast/stale\":\"1970-01-01T00:01:30.000Z\"}}"
    )
  })

  it("is one page, of however many it was fetched", () => {
    assert.strictEqual(onePage("tools", ["{\"tools\": [ 1 ],\"x\":1.0}"]), "{\"tools\": [ 1 ],\"x\":1.0}")
    assert.strictEqual(
      onePage("tools", [
        "{\"tools\":[1.0],\"nextCursor\":\"a\",\"x\":1}",
        "{\"nextCursor\":\"b\",\"tools\":[2, 3]}",
        "{}"
      ]),
      "{\"tools\":[1.0,2,3],\"x\":1}"
    )
  })
})
