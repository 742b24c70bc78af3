import { describe, it } from "@effect/vitest"
import { depth } from "../../support/depth.ts"
import { faultNames } from "./brokenDisk.ts"
import { sweep } from "./sweep.ts"

/** Those that only writes meet take turns, so that each statement fails in one of the ways; `Sweep.long` has all of them. */
const turns = faultNames.filter((fault) => fault !== "i/o error")

/** The drills' steps are taken one by one, the short ones two at a time. */
const each = depth({ short: 2, drill: 1 })

describe("a disk that fails", () => {
  it.effect(
    `with "i/o error", at each ${each === 1 ? "" : "2nd "}statement, loses nothing`,
    () => sweep("i/o error", 1, 0, each)
  )

  for (const [turn, fault] of turns.entries()) {
    it.effect(
      `with "${fault}", at each ${turns.length * each}th statement, loses nothing`,
      () => sweep(fault, 1, turn * each, turns.length * each)
    )
  }

  for (const [turn, fault] of faultNames.entries()) {
    it.effect(
      `with "${fault}", for a while from each ${10 * each}th statement on, loses nothing`,
      () => sweep(fault, 25, 2 * each * turn, 10 * each)
    )
  }
})
