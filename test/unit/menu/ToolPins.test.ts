import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget } from "../../../src/config/Settings.ts"
import { defaultRelay } from "../../../src/domain/Ids.ts"
import { definitionsIn, type ToolDefinition } from "../../../src/menu/ToolDefinitions.ts"
import { ToolPins } from "../../../src/menu/ToolPins.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** A start of the relay's part of the daemon, over the same database. */
const started = <A, E>(
  test: (pins: ToolPins["Service"]) => Effect.Effect<A, E>,
  { pinTools = true, url = "http://relay.test/mcp" } = {}
) =>
  Effect.flatMap(ToolPins, test).pipe(Effect.provide(
    Layer.fresh(ToolPins.layer).pipe(
      Layer.provide(Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL(url), token: {}, pinTools }))
    )
  ))

const tool = (name: string, description: string) => `{"name":"${name}","description":"${description}"}`
const list = (...tools: ReadonlyArray<string>) => `{"tools":[${tools.join(",")}]}`
const of = (...tools: ReadonlyArray<string>): ReadonlyArray<ToolDefinition> => definitionsIn(list(...tools))

const [readsBefore, readsNow, writes] = [tool("read", "before"), tool("read", "now"), tool("write", "w")] as const

describe("pinned tools", () => {
  it.effect("are held back until their very definition is approved, over restarts", () =>
    Effect.gen(function*() {
      yield* started((pins) =>
        Effect.gen(function*() {
          const offered = list(readsBefore, writes)
          assert.deepStrictEqual([...pins.heldIn(offered)], [0, 1])
          assert.deepStrictEqual(pins.holdOf("read", Option.some(offered)), Option.some("new"))
          yield* pins.approve(of(readsBefore), of(readsBefore, writes))
          assert.deepStrictEqual([...pins.heldIn(offered)], [1])
        })
      )
      yield* started((pins) =>
        Effect.sync(() => {
          assert.deepStrictEqual([...pins.heldIn(list(readsBefore, readsNow, writes))], [1, 2])
          assert.deepStrictEqual(pins.holdOf("read", Option.some(list(readsBefore))), Option.none())
          assert.deepStrictEqual(pins.holdOf("read", Option.some(list(readsNow))), Option.some("changed"))
          assert.strictEqual(Option.getOrThrow(pins.lastApproved("read")).definition, readsBefore)
          assert.strictEqual(pins.count(), 1)
        })
      )
    }).pipe(Effect.provide(Database)))

  it.effect("are refused by name where any definition of that name is held back, or none is known", () =>
    started((pins) =>
      Effect.gen(function*() {
        yield* pins.approve(of(readsBefore), of(readsBefore))
        assert.deepStrictEqual(pins.holdOf("read", Option.some(list(readsBefore, readsNow))), Option.some("changed"))
        assert.deepStrictEqual(pins.holdOf("read", Option.some(list(writes))), Option.none())
        assert.deepStrictEqual(pins.holdOf("read", Option.none()), Option.none())
        assert.deepStrictEqual(pins.holdOf("never listed", Option.some(list(readsBefore))), Option.some("new"))
        assert.deepStrictEqual(pins.holdOf("never listed", Option.none()), Option.some("new"))
      })
    ).pipe(Effect.provide(Database)))

  it.effect("have several definitions at once while the relay offers them, and none that it offers nobody any more", () =>
    Effect.gen(function*() {
      yield* started((pins) =>
        Effect.gen(function*() {
          yield* pins.approve(of(readsBefore), of(readsBefore))
          yield* TestClock.adjust("1 second")
          yield* pins.approve(of(readsNow), of(readsBefore, readsNow))
          assert.deepStrictEqual([...pins.heldIn(list(readsBefore, readsNow))], [])
          assert.strictEqual(Option.getOrThrow(pins.lastApproved("read")).definition, readsNow)
        })
      )
      yield* started((pins) => pins.approve(of(readsNow), of(readsNow)))
      yield* started((pins) =>
        Effect.sync(() => assert.deepStrictEqual([...pins.heldIn(list(readsBefore, readsNow))], [0]))
      )
    }).pipe(Effect.provide(Database)))

  it.effect("of another URL under the same name have nothing of their predecessor", () =>
    Effect.gen(function*() {
      yield* started((pins) => pins.approve(of(readsBefore), of(readsBefore)))
      yield* started(
        (pins) => Effect.sync(() => assert.deepStrictEqual([...pins.heldIn(list(readsBefore))], [0])),
        { url: "http://successor.test/mcp" }
      )
    }).pipe(Effect.provide(Database)))

  it.effect("are none where the setting does not say so, and can be approved ahead of it", () =>
    Effect.gen(function*() {
      yield* started((pins) =>
        Effect.gen(function*() {
          assert.deepStrictEqual([...pins.heldIn(list(readsBefore))], [])
          assert.deepStrictEqual(pins.holdOf("read", Option.some(list(readsBefore))), Option.none())
          yield* pins.approve(of(readsBefore), of(readsBefore))
        }), { pinTools: false })
      yield* started((pins) => Effect.sync(() => assert.deepStrictEqual([...pins.heldIn(list(readsBefore))], [])))
    }).pipe(Effect.provide(Database)))

  it.effect("are logged once for each definition that is held back, in a line of bounded length", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(JSON.stringify(message)))
      const long = tool("x".repeat(1_000_000), "d")
      const many = Array.from({ length: 50 }, (_, index) => tool(`t${index}`, "d"))
      yield* started((pins) =>
        Effect.gen(function*() {
          yield* pins.approve(of(readsBefore), of(readsBefore))
          for (const offered of [list(readsNow), list(readsNow, writes), list(readsNow), list(long, ...many)]) {
            yield* pins.listed(offered)
          }
        })
      ).pipe(Effect.provide(Logger.layer([logger])))
      assert.include(lines[1], `"changed":"read","new":""`)
      assert.include(lines[2], `"changed":"","new":"write"`)
      assert.include(lines[3], "and 31 more")
      assert.isBelow(lines[3]?.length ?? 0, 1000)
      assert.lengthOf(lines, 4)
    }).pipe(Effect.provide(Database)))

  it.effect("without a name are held back as well", () =>
    started((pins) => Effect.sync(() => assert.deepStrictEqual([...pins.heldIn(`{"tools":[{},7]}`)], [0, 1]))).pipe(
      Effect.provide(Database)
    ))
})
