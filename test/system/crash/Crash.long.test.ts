import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

describe("whoever is killed, wherever it was, thousands of times", () => {
  it.live("nothing acknowledged is lost, doubled or out of order", () =>
    Effect.gen(function*() {
      const totals = yield* run({ seed: "long", cycles: 2_000, jobs: 2 })
      assert.deepStrictEqual(totals.faults, [], totals.text)
      assert.strictEqual(totals.cycles, 2_000)
    }), 3_600_000)
})
