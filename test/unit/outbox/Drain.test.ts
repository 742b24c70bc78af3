import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { RateLimited, RelayFailure } from "../../../src/relay/RelayFailure.ts"
import { depth } from "../../support/depth.ts"
import { advance, idle } from "../../support/outbox/advance.ts"
import { keyed, queue, states, submit } from "../../support/outbox/calls.ts"
import { answers, FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../support/outbox/outboxWith.ts"

const lanes = 40
const entries = depth({ short: 1_000, drill: 10_000 })

const laneOf = (index: number) => `lane ${index % lanes}`
const call = (index: number) => keyed(String(index), { id: String(index), args: { to: laneOf(index) } })

describe("a queue after an outage", () => {
  it.effect(
    `of ${entries} entries drains in order of each lane, slowly at first, and never more than eight at once`,
    () =>
      Effect.gen(function*() {
        const relay = yield* FakeRelay
        const outbox = yield* Outbox
        yield* relay.down
        const submitted = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: entries }, (_entry, index) => call(index)), submit, {
            concurrency: "unbounded"
          })
        )
        yield* Fiber.join(submitted)
        assert.strictEqual((yield* outbox.stats).pending, entries)

        let underWay = 0
        let maxAtOnce = 0
        const perLane = new Map<string, Array<number>>()
        const perSecond = new Map<number, number>()
        const start = yield* Clock.currentTimeMillis
        yield* relay.behave((text) =>
          Effect.gen(function*() {
            const { to, text: key } = JSON.parse(text).params.arguments
            const second = Math.floor(((yield* Clock.currentTimeMillis) - start) / 1_000)
            perSecond.set(second, Math.max(perSecond.get(second) ?? 0, ++underWay))
            maxAtOnce = Math.max(maxAtOnce, underWay)
            yield* Effect.sleep("100 millis")
            underWay--
            perLane.set(to, [...perLane.get(to) ?? [], Number(key)])
            return yield* answers(text)
          })
        )
        yield* relay.up
        for (let minute = 0; minute < 10 && (yield* outbox.stats).pending > 0; minute++) yield* advance("1 minute")

        assert.strictEqual((yield* outbox.stats).delivered, entries)
        assert.deepStrictEqual([0, 1, 2, 3, 4].map((second) => perSecond.get(second)), [1, 2, 4, 8, 8])
        assert.strictEqual(maxAtOnce, 8)
        for (const keys of perLane.values()) assert.deepStrictEqual(keys, keys.toSorted((one, other) => one - other))
      }).pipe(Effect.provide(outboxWith({ lane: "to" }))),
    180_000
  )

  it.effect("that is full refuses in words, and accepts again as it drains", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a", "b", "c")
      const refused = yield* Effect.flip(submit(keyed("d")))
      assert.strictEqual(refused.reason, "full")
      assert.include(refused.message, "the outbox is full: the call was not accepted")
      yield* relay.up
      yield* advance("5 seconds")
      yield* relay.down
      yield* queue("d")
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered", "c delivered", "d pending"])
    }).pipe(Effect.provide(outboxWith({ maxEntries: 3 }))))

  it.effect("goes on in every lane but the one that has to slow down", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave((text) =>
        text.includes("lane 0")
          ? Effect.fail(new RelayFailure({ reason: new RateLimited({ retryAfterMillis: 3_600_000 }) }))
          : answers(text)
      )
      yield* relay.down
      for (let index = 0; index < lanes; index++) yield* submit(call(index))
      yield* relay.up
      yield* advance("5 seconds")
      yield* idle
      const waiting = (yield* states).filter((state) => !state.endsWith("delivered"))
      assert.deepStrictEqual(waiting, ["0 pending"])
    }).pipe(Effect.provide(outboxWith({ lane: "to" }))))
})
