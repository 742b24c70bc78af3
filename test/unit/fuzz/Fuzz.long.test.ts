import { describe, it } from "@effect/vitest"
import { search } from "./fuzz.ts"
import { targets } from "./targets/targets.ts"

const minutes = 60_000

describe("a million inputs from a seed are read as their standard reads them:", () => {
  for (const { target } of targets) {
    it(target.name, { timeout: 60 * minutes }, () => search(target, "long", 1_000_000))
  }
})
