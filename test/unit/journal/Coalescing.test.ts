import { assert, describe, it } from "@effect/vitest"
import { Coalescing } from "../../../src/journal/Coalescing.ts"
import type { StoredRecord } from "../../../src/journal/JournalRecord.ts"
import { Dice } from "../../support/Dice.ts"

const record = (seq: number, type: StoredRecord["type"], call: string, text = ""): StoredRecord => ({
  seq,
  at: 0,
  subject: "agent/a",
  session: undefined,
  type,
  payload: JSON.stringify({ call, text })
})

const seqs = (records: ReadonlyArray<StoredRecord>) => records.map(({ seq }) => seq)

describe("Coalescing", () => {
  it("holds progress back for 100 ms, and gives the last of each call in order", () => {
    let now = 0
    const coalescing = new Coalescing(() => now)
    assert.deepStrictEqual(seqs(coalescing.add([1, 2, 3].map((seq) => record(seq, "call.progress", "a")))), [])
    assert.deepStrictEqual(seqs(coalescing.add([record(4, "call.progress", "b")])), [])
    now = 60
    assert.strictEqual(coalescing.dueIn, 40)
    assert.deepStrictEqual(seqs(coalescing.add([record(5, "call.progress", "a")])), [])
    now = 100
    assert.strictEqual(coalescing.dueIn, 0)
    assert.deepStrictEqual(seqs(coalescing.flush()), [4, 5])
    assert.isUndefined(coalescing.dueIn)
  })

  it("sends off what it holds ahead of anything else, and with 4 KiB", () => {
    const coalescing = new Coalescing(() => 0)
    const leaving = coalescing.add([record(1, "call.progress", "a"), record(2, "link.up", "")])
    assert.deepStrictEqual(seqs(leaving), [1, 2])
    const large = "x".repeat(1_500)
    assert.deepStrictEqual(seqs(coalescing.add([record(3, "call.progress", "a", large)])), [])
    assert.deepStrictEqual(seqs(coalescing.add([record(4, "call.progress", "a", large)])), [])
    assert.deepStrictEqual(seqs(coalescing.add([record(5, "call.progress", "a", large)])), [5])
  })

  it("keeps the order of numbers, the last progress of each call, and everything else", () => {
    for (let seed = 0; seed < 200; seed++) {
      const dice = new Dice(`coalescing ${seed}`)
      let now = 0
      const coalescing = new Coalescing(() => now)
      const records = Array.from(
        { length: 40 },
        (_, index) =>
          record(index + 1, dice.of(["call.progress", "call.progress", "call.answered"]), dice.of(["a", "b"]))
      )
      const left: Array<StoredRecord> = []
      for (const one of records) {
        now += dice.between(0, 60)
        if (coalescing.dueIn === 0) left.push(...coalescing.flush())
        left.push(...coalescing.add([one]))
      }
      left.push(...coalescing.flush())
      assert.deepStrictEqual(seqs(left), seqs(left).toSorted((a, b) => a - b), `seed ${seed}`)
      const others = records.filter(({ type }) => type !== "call.progress")
      assert.deepStrictEqual(left.filter(({ type }) => type !== "call.progress"), others, `seed ${seed}`)
      for (const call of ["a", "b"]) {
        const last = records.findLast(({ payload, type }) => type === "call.progress" && payload.includes(`"${call}"`))
        if (last !== undefined) assert.include(seqs(left), last.seq, `seed ${seed}`)
      }
    }
  })
})
