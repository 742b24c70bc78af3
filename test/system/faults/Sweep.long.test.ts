import { describe, it } from "@effect/vitest"
import { faultNames } from "./brokenDisk.ts"
import { sweep } from "./sweep.ts"

describe("a disk that fails", () => {
  for (const fault of faultNames) {
    for (const times of [1, 5, 25]) {
      it.effect(`with "${fault}", at ${times} statements from any one on, loses nothing`, () => sweep(fault, times), {
        timeout: 600_000
      })
    }
  }
})
