import { describe, it } from "@effect/vitest"
import { depth } from "../../support/depth.ts"
import { replay, search } from "./fuzz.ts"
import { targets } from "./targets/targets.ts"

describe("what comes from outside is read as its standard reads it:", () => {
  for (const { count, target } of targets) {
    it(`${target.name}, what was found before`, () => replay(target))
    it(`${target.name}, a search from a seed`, () => search(target, "1", depth(count)))
  }
})
