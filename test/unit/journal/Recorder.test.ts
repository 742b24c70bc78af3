import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Journal } from "../../../src/journal/Journal.ts"
import * as Recorder from "../../../src/journal/Recorder.ts"
import { Happenings, HappeningsFeed } from "../../../src/observability/Happenings.ts"
import { journalOver, temporaryFile } from "../../support/journal.ts"

const recorded = (journal: Parameters<typeof journalOver>[1] = {}) =>
  Layer.provideMerge(Recorder.layer, journalOver(temporaryFile(), journal)).pipe(
    Layer.provideMerge(Layer.sync(Happenings, () => new HappeningsFeed()))
  )

const replay = Effect.gen(function*() {
  yield* TestClock.adjust("5 seconds")
  const journal = yield* Journal
  const records = yield* Stream.runCollect(yield* journal.open({ after: 0, follow: false }))
  return records.map(({ payload, seq, type }) => ({ seq, type, ...JSON.parse(payload) }))
})

const menu = (change: { readonly added?: ReadonlyArray<string>; readonly removed?: ReadonlyArray<string> }) => ({
  relay: "default",
  tools: 3,
  added: [],
  removed: [],
  changed: [],
  rules: [],
  count: 1,
  ...change
})

describe("the journal's recorder", () => {
  it.effect("costs nothing where nobody listens, and hears everything while it does", () =>
    Effect.gen(function*() {
      const silent = new HappeningsFeed()
      assert.isFalse(silent.heard)
      silent.tell("fiber.restarted", "daemon", { fiber: "a", restarts: 1, why: "x" })
      yield* Effect.gen(function*() {
        const happenings = yield* Happenings
        assert.isTrue(happenings.heard)
        happenings.tell("fiber.restarted", "daemon", { fiber: "b", restarts: 1, why: "x" })
        assert.deepInclude((yield* replay)[0], { seq: 1, type: "fiber.restarted", fiber: "b" })
      }).pipe(Effect.provide(recorded()))
    }))

  it.effect("sums up a burst of a menu's changes in its last record, which is the one that stays", () =>
    Effect.gen(function*() {
      const happenings = yield* Happenings
      happenings.tell("menu.changed", "agent/a", menu({ added: ["x"], removed: ["z"] }))
      yield* TestClock.adjust("100 millis")
      happenings.tell("menu.changed", "agent/b", menu({ added: ["b"] }))
      happenings.tell("menu.changed", "agent/a", menu({ added: ["y", "z"] }))
      yield* TestClock.adjust("100 millis")
      happenings.tell("menu.changed", "agent/a", menu({ removed: ["x"] }))
      yield* TestClock.adjust("300 millis")
      happenings.tell("menu.changed", "agent/a", menu({ added: ["w"] }))
      const records = yield* replay
      // Those that are on disk, whoever reads from memory.
      assert.deepStrictEqual(
        records.map(({ added, changed, count, removed }) => ({ added, removed, changed, count })),
        [
          { added: ["b"], removed: [], changed: [], count: 1 },
          { added: ["y"], removed: [], changed: ["z"], count: 3 },
          { added: ["w"], removed: [], changed: [], count: 1 }
        ]
      )
    }).pipe(Effect.provide(recorded())))

  it.effect("counts a link's flaps within a second", () =>
    Effect.gen(function*() {
      const happenings = yield* Happenings
      const link = { relay: "default", since: 0, attempts: 0, count: 1 }
      happenings.tell("link.down", "relay/default", { ...link, why: "gone" })
      yield* TestClock.adjust("500 millis")
      happenings.tell("link.up", "relay/default", { ...link, downSince: 0 })
      yield* TestClock.adjust("500 millis")
      happenings.tell("link.down", "relay/default", { ...link, why: "gone again" })
      const records = yield* replay
      assert.deepStrictEqual(records.map(({ count, why }) => ({ count, why })), [{ count: 3, why: "gone again" }])
    }).pipe(Effect.provide(recorded())))

  it.effect("asks for content only where it is to be full, and leaves out what is a secret by its name or form", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        assert.isFalse((yield* Happenings).withContent)
      }).pipe(Effect.provide(recorded()))
      yield* Effect.gen(function*() {
        const happenings = yield* Happenings
        assert.isTrue(happenings.withContent)
        const content = JSON.stringify({
          text: "hello",
          api_key: "k-123",
          nested: JSON.stringify({ password: "p-123", to: "b" }),
          header: "Bearer abcdefgh12345",
          token: "ghp_0123456789abcdef"
        })
        happenings.tell("call.started", "agent/a", { relay: "default", call: "1", tool: "echo", content })
        happenings.tell("call.started", "agent/a", {
          relay: "default",
          call: "2",
          tool: "echo",
          content: "x".repeat(100_000)
        })
        const [first, second] = yield* replay
        for (const shown of ["hello", "\\\"to\\\":\\\"b\\\""]) assert.include(first.content, shown)
        for (const hidden of ["k-123", "p-123", "abcdefgh12345", "ghp_"]) assert.notInclude(first.content, hidden)
        assert.isBelow(second.content.length, 17_000)
      }).pipe(Effect.provide(recorded({ content: "full" })))
    }))
})
