import { describe, it } from "@effect/vitest"
import { faultNames } from "./brokenDisk.ts"
import { sweep } from "./sweep.ts"

/** Those that only writes meet take turns, so that each statement fails in one of the ways; `Sweep.long` has all of them. */
const turns = faultNames.filter((fault) => fault !== "i/o error")

describe("a disk that fails", () => {
  it.effect("with \"i/o error\", at any one statement, loses nothing", () => sweep("i/o error", 1))

  for (const [turn, fault] of turns.entries()) {
    it.effect(
      `with "${fault}", at each ${turns.length}th statement, loses nothing`,
      () => sweep(fault, 1, turn, turns.length)
    )
  }

  for (const [turn, fault] of faultNames.entries()) {
    it.effect(
      `with "${fault}", for a while from each 10th statement on, loses nothing`,
      () => sweep(fault, 25, 2 * turn, 10)
    )
  }
})
