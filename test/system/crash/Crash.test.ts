import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

describe("whoever is killed, wherever it was", () => {
  it.live("nothing acknowledged is lost, doubled or out of order", () =>
    Effect.gen(function*() {
      const totals = yield* run({ seed: "holdfast", cycles: 300, jobs: 2 })
      assert.deepStrictEqual(totals.faults, [], totals.text)
      assert.strictEqual(totals.cycles, 300)
      assert.isAbove(totals.acknowledged, 3_000)
      assert.isAtLeast(totals.kills.size, 15, totals.text)
      assert.isAbove(totals.clockJumps, 50)
    }), 900_000)
})
