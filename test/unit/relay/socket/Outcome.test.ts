import { assert, describe, it } from "@effect/vitest"
import { of } from "../../../../src/relay/socket/Outcome.ts"

const outcome = (type: string, payload: unknown) => of({ v: 1, type, id: "1", ts: 0, payload }, 250)

describe("what a daemon's answer means", () => {
  it.each([
    ["ERROR", { code: "BAD_REQUEST", message: "no" }, { _tag: "Faulty", code: -32602, words: "no" }],
    ["ERROR", { code: "INTERNAL" }, { _tag: "Faulty", code: -32603, words: "INTERNAL" }],
    ["ERROR", { code: "NOT_FOUND", message: "nobody" }, { _tag: "Refused", words: "nobody" }],
    ["ERROR", { code: "NOT_FOUND" }, { _tag: "Refused", words: "NOT_FOUND" }],
    ["ERROR", {}, { _tag: "Refused", words: "unknown error" }],
    ["ERROR", "no object", { _tag: "Refused", words: "unknown error" }],
    ["NACK", { ack_id: "1", code: "INVALID", message: "bad" }, { _tag: "Refused", words: "bad" }],
    ["NACK", { ack_id: "1", code: "FORBIDDEN" }, { _tag: "Refused", words: "FORBIDDEN" }],
    ["NACK", { ack_id: "1" }, { _tag: "Refused", words: "it was not taken" }],
    ["STATUS_RESPONSE", { error: "broken" }, { _tag: "Refused", words: "broken" }],
    ["SPAWN_RESULT", { success: false, error: "no slot" }, { _tag: "Refused", words: "no slot" }],
    ["SPAWN_RESULT", { success: false }, { _tag: "Refused", words: "it did not succeed, and gave no reason" }],
    ["SPAWN_RESULT", { success: true, pid: 1 }, { _tag: "Answered", payload: { success: true, pid: 1 } }],
    ["ACK", { ack_id: "1", response: "OK" }, { _tag: "Answered", payload: { ack_id: "1", response: "OK" } }],
    ["ACK", { ack_id: "1", response: "REJECTED", responseData: "busy" }, { _tag: "Refused", words: "busy" }],
    ["ACK", { ack_id: "1", response: "ERROR" }, { _tag: "Refused", words: "the other side answered ERROR" }]
  ])("%s %j", (type, payload, expected) => {
    const { _tag, ...rest } = outcome(type, payload)
    assert.deepStrictEqual<unknown>({ _tag, ...rest }, expected)
  })

  it.each([
    ["ERROR", { code: "UNAUTHORIZED" }, "Unauthorized", false],
    ["ERROR", { code: "RESUME_TOO_OLD" }, "SessionLost", true],
    ["NACK", { ack_id: "1", code: "STALE" }, "SessionLost", true],
    ["NACK", { ack_id: "1", code: "BUSY" }, "RateLimited", false],
    ["BUSY", { retry_after_ms: 250 }, "RateLimited", false]
  ])("%s %j is a failure of the attempt, which the relay did not act on", (type, payload, tag, stale) => {
    const found = outcome(type, payload)
    if (found._tag !== "Failed") return assert.fail(found._tag)
    assert.strictEqual(found.failure.reason._tag, tag)
    assert.strictEqual(found.failure.delivery, "not sent")
    assert.strictEqual(found.stale, stale)
    if (found.failure.reason._tag === "RateLimited") assert.strictEqual(found.failure.reason.retryAfterMillis, 250)
  })
})
