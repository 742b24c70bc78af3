import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { LaneOrder } from "../../../../src/outbox/store/LaneOrder.ts"
import type { RowState, RowSummary } from "../../../../src/outbox/store/Row.ts"

const row = (lane: string, id: number, seq: number): RowSummary => ({
  id,
  seq,
  agent: "default",
  lane,
  bytes: 1,
  occurred_at: 0,
  told: 0
})

const states = fc.constantFrom<RowState | undefined>(
  "pending",
  "inflight",
  "held",
  "parked",
  "dead",
  "delivered",
  undefined
)

describe("LaneOrder", () => {
  it("is each lane's entries that wait or are in flight, by their places, however they came and went", () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 150 }), to: states })
    const places = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 151, maxLength: 151 })
    fc.assert(fc.property(places, fc.array(step, { maxLength: 400 }), (seqs, steps) => {
      const order = new LaneOrder()
      const model = new Map<number, RowState>()
      const laneOf = (id: number) => `lane ${id % 3}`
      for (const { id, to } of steps) {
        order.apply({ from: model.get(id), to, row: row(laneOf(id), id, seqs[id] ?? 0) })
        if (to === undefined) model.delete(id)
        else model.set(id, to)
      }
      for (const lane of ["lane 0", "lane 1", "lane 2"]) {
        const expected = [...model]
          .filter(([id, state]) => laneOf(id) === lane && ["pending", "inflight", "held"].includes(state))
          .map(([id]) => ({ id, seq: seqs[id] ?? 0 }))
          .sort((one, other) => one.seq - other.seq || one.id - other.id)
        const found = expected.map((_place, index) => order.at(lane, index))
        assert.deepStrictEqual(found, expected)
        assert.isUndefined(order.at(lane, expected.length))
        for (const [index, place] of expected.entries()) assert.strictEqual(order.before(lane, place), index)
      }
    }))
  })
})
