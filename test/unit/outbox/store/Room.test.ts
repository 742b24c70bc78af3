import { assert, describe, it } from "@effect/vitest"
import { Room } from "../../../../src/outbox/store/Room.ts"

const one = { entries: 1, bytes: 10 }

/** As many entries as the agent finds room for. */
const fill = (room: Room, agent: string): number => {
  let entries = 0
  while (room.fits(agent, one)) {
    room.add(agent, one)
    entries++
  }
  return entries
}

describe("Room", () => {
  it("is all of one agent's where nobody else is there", () => {
    assert.strictEqual(fill(new Room({ entries: 40, bytes: 1_000 }), "alice"), 40)
    assert.strictEqual(fill(new Room({ entries: 1_000, bytes: 400 }), "alice"), 40)
  })

  it("is there for an agent that has little, however much the others have, within three times the bound", () => {
    const room = new Room({ entries: 40, bytes: 10_000 })
    assert.strictEqual(fill(room, "alice"), 40)
    assert.strictEqual(fill(room, "bob"), 10)
    assert.strictEqual(fill(room, "carol"), 6)
    assert.strictEqual(fill(room, "alice"), 0)
    assert.isAtMost(room.bytes, 600)
    for (let n = 0; n < 17; n++) fill(room, `agent ${n}`)
    assert.isAtMost(room.bytes, 1_200)
  })

  it("is there again for what was taken out", () => {
    const room = new Room({ entries: 2, bytes: 1_000 })
    fill(room, "alice")
    room.take("alice", one)
    assert.strictEqual(fill(room, "alice"), 1)
  })
})
