import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { childEnvironment } from "../../support/environment.ts"

const file = new URL("../../../src/programs/youngGeneration.ts", import.meta.url).href

/** What survives makes V8 grow its young generation: the MiB that it has after a while of that. */
const grown = (bounded: boolean): number => {
  const program = `
    import { getHeapSpaceStatistics } from "node:v8"
    import { setImmediate as turn } from "node:timers/promises"
    import { boundYoungGeneration } from ${JSON.stringify(file)}
    ${bounded ? "boundYoungGeneration()" : ""}
    const kept = []
    for (let round = 0; round < 400; round++) {
      for (let index = 0; index < 2000; index++) kept.push({ round, index: [index] })
      await turn()
    }
    console.log(getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size / 2 ** 20)
  `
  const args = ["--input-type=module", "--eval", program]
  return Number(execFileSync(process.execPath, args, { env: childEnvironment({}), encoding: "utf8" }))
}

describe("the young generation", () => {
  it("grows no further than to one step above its bound", () => {
    assert.isAbove(grown(false), 32)
    assert.isAtMost(grown(true), 32)
  })
})
