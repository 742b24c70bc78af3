/** When a relay was away, from what the journal says and what the link is now. */
import { assert, describe, it } from "@effect/vitest"
import { type EventRecord, type Link, outagesOf, total, within } from "../../../src/journal/Outages.ts"

const record = (seq: number, type: string, at: number, payload: object): EventRecord => ({
  seq,
  at,
  type,
  subject: "relay/default",
  payload: { relay: "default", ...payload }
})
const down = (seq: number, since: number) => record(seq, "link.down", since + 5, { since, why: "refused" })
const up = (seq: number, since: number, downSince?: number) =>
  record(seq, "link.up", since, { since, ...downSince === undefined ? {} : { downSince } })
const link = (state: Link["state"], since: number): Link => ({ relay: "default", state, since, why: "still refused" })

describe("outages", () => {
  it("last from when the link was lost until it was back", () => {
    assert.deepStrictEqual(outagesOf([down(1, 100), up(2, 300), down(3, 500), up(4, 600)], [link("up", 600)]), [
      { relay: "default", from: 100, to: 300, why: "refused" },
      { relay: "default", from: 500, to: 600, why: "refused" }
    ])
  })

  it("last still while the link is down, whether the journal says so yet or not", () => {
    assert.deepStrictEqual(outagesOf([down(1, 100)], [link("down", 100)]), [
      { relay: "default", from: 100, to: null, why: "still refused" }
    ])
    assert.deepStrictEqual(outagesOf([], [link("down", 100)]), [
      { relay: "default", from: 100, to: null, why: "still refused" }
    ])
  })

  it("end when the link is up, although the journal does not say so yet", () => {
    assert.deepStrictEqual(outagesOf([down(1, 100)], [link("up", 250)]), [
      { relay: "default", from: 100, to: 250, why: "refused" }
    ])
  })

  it("are one where the link is lost again and again before it is back", () => {
    assert.deepStrictEqual(outagesOf([down(1, 100), down(2, 150), up(3, 300)], [link("up", 300)]), [
      { relay: "default", from: 100, to: 300, why: "refused" }
    ])
  })

  it("have their beginning from the end, where the record of that is gone", () => {
    assert.deepStrictEqual(outagesOf([up(9, 300, 100)], [link("up", 300)]), [
      { relay: "default", from: 100, to: 300, why: "" }
    ])
  })

  it("are none of a relay's first link.up, which ends none", () => {
    assert.deepStrictEqual(outagesOf([up(1, 10)], [link("up", 10)]), [])
  })

  it("count for a day with the part that lies in it", () => {
    const outages = outagesOf([down(1, 90), up(2, 130), down(3, 180)], [link("down", 180)])
    assert.strictEqual(total(within(outages, 100, 200, 190)), 40)
    assert.strictEqual(total(within(outages, 200, 300, 190)), 0)
  })
})
