import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { depth } from "../../support/depth.ts"
import { run } from "./run.ts"

const cycles = depth({ short: 12, drill: 150 })

describe("whoever is killed, wherever it was", () => {
  it.live("nothing acknowledged is lost, doubled or out of order", () =>
    Effect.gen(function*() {
      const totals = yield* run({ seed: "holdfast", cycles, perRig: depth({ short: 3, drill: 25 }), jobs: 2 })
      assert.deepStrictEqual(totals.faults, [], totals.text)
      assert.strictEqual(totals.cycles, cycles)
      assert.isAbove(totals.acknowledged, 10 * cycles)
      assert.isAtLeast(totals.kills.size, depth({ short: 5, drill: 15 }), totals.text)
      assert.isAbove(totals.clockJumps, depth({ short: 1, drill: 20 }))
    }), 900_000)
})
