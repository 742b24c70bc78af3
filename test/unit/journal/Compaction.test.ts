import { assert, describe, it } from "@effect/vitest"
import { Compaction } from "../../../src/journal/Compaction.ts"
import type { RecordSummary } from "../../../src/journal/JournalTable.ts"
import { depth } from "../../support/depth.ts"
import { Dice } from "../../support/Dice.ts"

const compacted = (records: ReadonlyArray<RecordSummary>): ReadonlyArray<RecordSummary> => {
  const compaction = new Compaction()
  const gone = new Set(records.flatMap((record) => compaction.see(record)))
  return records.filter(({ seq }) => !gone.has(seq))
}

const replay = (records: ReadonlyArray<RecordSummary>, after: number) => records.filter(({ seq }) => seq > after)

/** Calls that overlap, each answered or not, between links that flap and menus that change. */
const log = (dice: Dice, length: number): ReadonlyArray<RecordSummary> => {
  const open: Array<string> = []
  let at = 0
  return Array.from({ length }, (_, index): RecordSummary => {
    at += dice.of([0, 1, 40, 240, 260, 990, 1_010])
    const about = { seq: index + 1, at, bytes: 1, subject: "agent/a", relay: null, call: null, from: null }
    const call = open[dice.between(0, Math.max(0, open.length - 1))]
    switch (dice.between(0, 5)) {
      case 0:
        open.push(`call-${index}`)
        return { ...about, type: "call.started" }
      case 1:
      case 2:
        return call === undefined ? { ...about, type: "fiber.restarted" } : { ...about, type: "call.progress", call }
      case 3:
        if (call === undefined) return { ...about, type: "token.changed" }
        open.splice(open.indexOf(call), 1)
        return { ...about, type: "call.answered", call }
      case 4:
        return { ...about, type: dice.of(["link.up", "link.down"]), relay: dice.of(["x", "y"]) }
      default:
        return { ...about, type: "menu.changed", relay: "x", subject: dice.of(["agent/a", "agent/b"]) }
    }
  })
}

const summary = (seq: number, at: number, type: RecordSummary["type"], call: string | null = null): RecordSummary => ({
  seq,
  at,
  bytes: 1,
  subject: "agent/a",
  type,
  relay: "x",
  call,
  from: null
})

describe("Compaction", () => {
  it("leaves the last progress of a call that was answered, and all of one that was not", () => {
    const kept = compacted([
      summary(1, 0, "call.progress", "a"),
      summary(2, 0, "call.progress", "b"),
      summary(3, 0, "call.progress", "a"),
      summary(4, 0, "call.progress", "b"),
      summary(5, 0, "call.answered", "a")
    ])
    assert.deepStrictEqual(kept.map(({ seq }) => seq), [2, 3, 4, 5])
  })

  it("leaves the last of a link's changes within a second of each other, and of a menu's within 250 ms", () => {
    const kept = compacted([
      summary(1, 0, "link.down"),
      summary(2, 999, "link.up"),
      summary(3, 1_500, "menu.changed"),
      summary(4, 1_600, "menu.changed"),
      summary(5, 1_850, "menu.changed"),
      summary(6, 1_999, "link.down")
    ])
    assert.deepStrictEqual(kept.map(({ seq }) => seq), [2, 4, 5, 6])
  })

  it("is, replayed from any cursor, what compacting the replay from there is, and once is enough", () => {
    for (let seed = 0; seed < depth({ short: 60, drill: 2_000 }); seed++) {
      const dice = new Dice(`compaction ${seed}`)
      const records = log(dice, dice.between(1, 60))
      const whole = compacted(records)
      assert.deepStrictEqual(compacted(whole), whole, `seed ${seed}`)
      for (let after = 0; after <= records.length; after++) {
        assert.deepStrictEqual(replay(whole, after), compacted(replay(records, after)), `seed ${seed}, after ${after}`)
      }
    }
  })
})
