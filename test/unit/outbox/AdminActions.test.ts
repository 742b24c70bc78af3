import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { advance } from "../../support/outbox/advance.ts"
import { queue, states } from "../../support/outbox/calls.ts"
import { FakeRelay, refuses } from "../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../support/outbox/outboxWith.ts"

const lines: Array<string> = []
const log = Logger.layer([Logger.make(({ message }) => void lines.push(JSON.stringify(message)))])

describe("what an admin does", () => {
  it.effect("leaves a line in the log for each call, with the reason", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave(refuses("no"))
      yield* relay.down
      yield* queue("a", "b")
      yield* relay.up
      yield* advance("5 seconds")
      yield* relay.down
      assert.deepStrictEqual(yield* outbox.retry([2, 1], "the relay was mended"), [1, 2])
      assert.deepStrictEqual(yield* outbox.discard([1, 9], "sent by hand"), [1])
      assert.deepStrictEqual(yield* states, ["b pending"])
      const told = lines.filter((line) => line.includes("a call in the outbox was"))
      assert.lengthOf(told, 3)
      for (const [line, what, key] of [[told[0], "put back in line", "a"], [told[1], "put back in line", "b"]]) {
        assert.include(line, what)
        assert.include(line, "\"was\":\"dead\"")
        assert.include(line, `"key":"${key}"`)
        assert.include(line, "\"reason\":\"the relay was mended\"")
      }
      assert.include(told[2], "discarded")
      assert.include(told[2], "\"reason\":\"sent by hand\"")
    }).pipe(Effect.provide(Layer.merge(outboxWith(), log))))
})
