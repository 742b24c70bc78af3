import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { ReplayBudget } from "../../../../src/mcp/streams/ReplayBudget.ts"
import { ReplayBuffer } from "../../../../src/mcp/streams/ReplayBuffer.ts"

const perSession = 500
const inAll = 900

const setUp = () => {
  const budget = new ReplayBudget(perSession, inAll)
  const members = ["a", "a", "b", "c"].map((session) => ({
    session: SessionId.make(session),
    buffer: new ReplayBuffer(),
    read: 0,
    attended: false,
    gaveWay: () => {}
  }))
  return { budget, members }
}

const step = fc.record({
  member: fc.nat(3),
  length: fc.nat(300),
  key: fc.constantFrom(undefined, "k"),
  does: fc.constantFrom("append", "append", "read", "attend", "leave", "remove")
})

describe("ReplayBudget", () => {
  it("counts what is kept, and keeps it within the bounds but for one newest event", () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { budget, members } = setUp()
      const kept = () => members.reduce((sum, member) => sum + member.buffer.bytes, 0)
      for (const { does, key, length, member: index } of steps) {
        const member = members[index]!
        if (does === "read") member.read = member.buffer.last
        else if (does === "append") {
          budget.add(member, "x".repeat(length), key)
          const newest = member.buffer.bytesAfter(member.buffer.last - 1)
          assert.strictEqual(newest, length + 64)
          assert.isAtMost(budget.bytes, Math.max(inAll, newest))
          if (members.every((member) => !member.attended)) {
            const session = members.filter((other) => other.session === member.session)
            const bytes = session.reduce((sum, member) => sum + member.buffer.bytes, 0)
            assert.isAtMost(bytes, Math.max(perSession, newest))
          }
        } else if (does === "remove") {
          budget.remove(member)
          Object.assign(member, { buffer: new ReplayBuffer(), read: 0 })
        } else member.attended = does === "attend"
        assert.strictEqual(budget.bytes, kept())
      }
    }))
  })

  it("loses nothing silently: what is gone was superseded, or lies before the mark of what is lost", () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { budget, members } = setUp()
      const keys: ReadonlyArray<Array<string | undefined>> = members.map(() => [])
      for (const { key, length, member: index } of steps) {
        budget.add(members[index]!, "x".repeat(length), key)
        keys[index]!.push(key)
      }
      for (const [index, { buffer }] of members.entries()) {
        const kept = new Set<number>()
        for (let next = buffer.after(0, 0); next !== undefined; next = buffer.after(next.sequence, 0)) {
          kept.add(next.sequence)
        }
        for (let sequence = buffer.lostThrough + 1; sequence <= buffer.last; sequence++) {
          const key = keys[index]![sequence - 1]
          const superseded = key !== undefined && keys[index]!.lastIndexOf(key) > sequence - 1
          assert.isTrue(kept.has(sequence) || superseded)
        }
      }
    }))
  })
})
