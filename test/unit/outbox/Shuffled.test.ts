import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { depth } from "../../support/depth.ts"
import { Dice } from "../../support/Dice.ts"
import { advance } from "../../support/outbox/advance.ts"
import { keyed, queue, states, submit } from "../../support/outbox/calls.ts"
import { answers, FakeRelay, refuses } from "../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../support/outbox/outboxWith.ts"
import { shuffled } from "./shuffled.ts"

const lives = depth({ short: 12, drill: 60 })

/** Calls come, one behind the other in two lanes, while the link comes and goes and letters have to be told of. */
const life = Effect.fnUntraced(function*(dice: Dice) {
  const relay = yield* FakeRelay
  const outbox = yield* Outbox
  yield* relay.behave(refuses("no"))
  yield* relay.down
  yield* queue("doomed 1", "doomed 2")
  yield* relay.up
  yield* advance("1 minute")
  for (let call = 0; call < 6; call++) {
    const delay = dice.between(0, 40)
    yield* relay.behave((text) => Effect.andThen(Effect.sleep(dice.of([0, 0, 1_000, 15_000])), answers(text)))
    yield* dice.chance(0.4) ? relay.down : relay.up
    yield* Effect.forkChild(submit(keyed(`call ${call}`, { args: { to: dice.of(["x", "y"]) } })))
    yield* Effect.repeat(Effect.yieldNow, { times: delay })
    if (dice.chance(0.3)) yield* advance("9 seconds")
  }
  yield* relay.behave(answers)
  yield* relay.up
  for (let minute = 0; minute < 10; minute++) yield* advance("1 minute")
  const { inflight, pending } = yield* outbox.stats
  assert.deepStrictEqual({ inflight, pending }, { inflight: 0, pending: 0 }, (yield* states).join(", "))
})

describe("whichever fiber goes on first", () => {
  it.effect("no lane stands still while there is something in it to deliver", () =>
    Effect.forEach(
      Array.from({ length: lives }, (_life, index) => `shuffled ${index}`),
      (seed) => life(new Dice(seed)).pipe(Effect.provide(outboxWith({ lane: "to" }), { local: true }), shuffled(seed)),
      { discard: true }
    ), 120_000)
})
