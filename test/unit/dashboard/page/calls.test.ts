/** The way of a call, put together from the journal's records. */
import { assert, describe, it } from "@effect/vitest"
import { CallLog, matches } from "../../../../src/dashboard/page/calls.ts"

const record = (seq: number, type: string, payload: object, at = 1000 * seq) => ({
  seq,
  at,
  type,
  subject: "agent/claude",
  payload: { relay: "default", ...payload }
})

const started = record(1, "call.started", { call: "a", tool: "send" })

describe("a call", () => {
  it("is under way until it is answered, and then has its way", () => {
    const log = new CallLog()
    log.add(started)
    assert.deepInclude(log.rows()[0], { outcome: "under way", agent: "claude", tool: "send" })
    log.add(record(2, "call.answered", {
      call: "a",
      tool: "send",
      outcome: "answered",
      sentAfter: 2,
      relayAfter: 42,
      millis: 45
    }))
    assert.strictEqual(log.rows().length, 1)
    assert.deepInclude(log.rows()[0], { outcome: "answered", millis: 45 })
    assert.deepStrictEqual(log.rows()[0]?.legs, [
      { name: "Holdfast", millis: 2 },
      { name: "relay", millis: 40 },
      { name: "answer", millis: 3 }
    ])
  })

  it("that was queued goes by its letter, whichever record comes first", () => {
    const answered = record(3, "call.answered", { call: "a", tool: "send", outcome: "queued", entry: 7, millis: 30 })
    const delivered = record(4, "call.delivered", {
      entry: 7,
      lane: "claude",
      occurredAt: 1000,
      sentAt: 61_000,
      relayMillis: 20,
      tool: "send"
    })
    for (const order of [[started, answered, delivered], [started, delivered, answered]]) {
      const log = new CallLog()
      for (const one of order) log.add(one)
      const last = log.rows().find(({ entry }) => entry === 7)
      assert.deepInclude(last, { outcome: "delivered", millis: 30, tool: "send" })
      assert.deepStrictEqual(last?.legs, [{ name: "queue", millis: 60_000 }, { name: "relay", millis: 20 }])
      assert.deepStrictEqual(log.rows().filter(({ outcome }) => outcome === "under way"), [])
    }
  })

  it("that was held says why", () => {
    const log = new CallLog()
    log.add(record(1, "call.queued", { entry: 7, lane: "claude", occurredAt: 500, tool: "send" }))
    log.add(
      record(2, "call.held", { entry: 7, lane: "claude", occurredAt: 500, reason: "the relay refuses the token" })
    )
    assert.deepInclude(log.rows()[0], { outcome: "held", tool: "send", note: "the relay refuses the token" })
  })

  it("is found by part of its tool, its agent and its outcome", () => {
    const log = new CallLog()
    log.add(started)
    const [row] = log.rows()
    assert.isDefined(row)
    const found = (filter: Partial<Parameters<typeof matches>[0]>) =>
      row !== undefined && matches({ tool: "", agent: "", outcome: "", ...filter })(row)
    assert.isTrue(found({ tool: "SEN", agent: "lau", outcome: "under way" }))
    assert.isFalse(found({ outcome: "error" }))
    assert.isFalse(found({ tool: "x" }))
  })
})

describe("the log of calls", () => {
  it("keeps the newest ones, in order, and nothing of what is no call", () => {
    const log = new CallLog(3)
    for (let seq = 1; seq <= 5; seq++) log.add(record(seq, "call.started", { call: `c${seq}`, tool: "t" }))
    assert.isFalse(log.add(record(6, "link.up", {})))
    assert.deepStrictEqual(log.rows().map(({ seq }) => seq), [5, 4, 3])
  })
})
