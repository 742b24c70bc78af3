import { assert, describe, it } from "@effect/vitest"
import * as UserMessage from "../../../src/uplink/UserMessage.ts"

describe("a user's event", () => {
  it("is plain text, or JSON in one of the usual forms", () => {
    const bodyOf = (payload: string) => UserMessage.parse(payload).body
    assert.strictEqual(bodyOf("please look at the build"), "please look at the build")
    assert.strictEqual(bodyOf(JSON.stringify("a text")), "a text")
    assert.strictEqual(bodyOf(JSON.stringify({ body: "b" })), "b")
    assert.strictEqual(bodyOf(JSON.stringify({ text: "t" })), "t")
    assert.strictEqual(bodyOf(JSON.stringify({ content: [{ type: "text", text: "c" }] })), "c")
    assert.strictEqual(
      bodyOf(JSON.stringify({ messages: [{ role: "system", content: "s" }, { role: "user", content: "u" }] })),
      "u"
    )
  })

  it("of any other form is the message as it stands", () => {
    for (const payload of ["{\"a\":1}", "[1]", "12", "{broken", "null"]) {
      assert.deepStrictEqual(UserMessage.parse(payload), { from: undefined, body: payload })
    }
  })

  it("may say whom it is from", () => {
    assert.deepStrictEqual(UserMessage.parse(JSON.stringify({ from: "Ann", body: "b" })), { from: "Ann", body: "b" })
  })
})
