import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { join } from "node:path"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { newestSchema, olderDatabase } from "../../support/olderDatabase.ts"
import { advance, countedTurns } from "../../support/outbox/advance.ts"
import { keyed, keysSent, submit } from "../../support/outbox/calls.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { outboxAt } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
const full = { maxEntries: keys.length }

const isRefused = Effect.map(Effect.result(submit(keyed("one too many"))), Result.isFailure)

describe("an upgrade over a full queue", () => {
  it.effect("loses nothing and delivers in order, whichever older version wrote it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const present = join(directory, "present.db")
      const relay = yield* FakeRelay
      yield* relay.down
      yield* Effect.gen(function*() {
        for (const key of keys) yield* submit(keyed(key))
        assert.isTrue(yield* isRefused)
      }).pipe(Effect.provide(outboxAt(present, full)))

      for (let last = 1; last <= newestSchema; last++) {
        const older = join(directory, `${last}.db`)
        yield* olderDatabase(older, last, present)
        yield* relay.down
        const before = (yield* keysSent).length
        yield* Effect.gen(function*() {
          const outbox = yield* Outbox
          assert.strictEqual((yield* outbox.list({ state: "pending" })).length, keys.length)
          assert.isTrue(yield* isRefused)
          yield* relay.up
          yield* advance("1 hour")
          assert.deepStrictEqual((yield* keysSent).slice(before), keys, `from schema ${last}`)
          assert.strictEqual((yield* outbox.list({ state: "delivered" })).length, keys.length)
        }).pipe(Effect.provide(outboxAt(older, full)))
      }
    }).pipe(Effect.provide(Layer.provideMerge(FakeRelay.layer, countedTurns))))
})
