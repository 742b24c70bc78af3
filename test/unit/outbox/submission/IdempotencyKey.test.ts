import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { mayBuffer, restoreId, wireOf } from "../../../../src/outbox/Call.ts"
import { hashOfArguments, idempotencyKey } from "../../../../src/outbox/submission/IdempotencyKey.ts"
import { call, type CallOptions } from "../../../support/outbox/calls.ts"

const callIds = ["claudecode/toolUseId", "callId"]
const keyOf = (options: CallOptions, uuid = "u") => idempotencyKey(call(options), callIds, uuid)

describe("IdempotencyKey", () => {
  it("is the caller's own, where there is one", () => {
    assert.strictEqual(keyOf({ args: { idempotencyKey: "mine" }, meta: { callId: "c" } }).key, "mine")
    assert.strictEqual(keyOf({ args: { idempotencyKey: "" } }).key, "holdfast-u")
  })

  it("follows from session, tool, call id and arguments, so that a client's retry makes the same", () => {
    const key = (options: CallOptions) => keyOf({ meta: { callId: "c" }, ...options }).key
    assert.strictEqual(key({ id: "1" }), key({ id: "2" }))
    const others = [
      key({ args: { text: "other" } }),
      key({ meta: { callId: "d" } }),
      key({ tool: "relay_reply" }),
      key({ session: SessionId.make("other") })
    ]
    assert.strictEqual(new Set([key({}), ...others]).size, 5)
    assert.match(key({}), /^holdfast-[0-9a-f]{40}$/)
  })

  it("is minted where nothing names the call", () => {
    assert.deepStrictEqual(keyOf({}, "1234").key, "holdfast-1234")
    assert.strictEqual(keyOf({}).origin, "minted")
  })
})

describe("hashOfArguments", () => {
  it("looks past order, spacing and escapes, but not past digits", () => {
    assert.strictEqual(
      hashOfArguments("{\"a\":1,\"b\":[\"x\"]}"),
      hashOfArguments("{ \"b\": [\"\\u0078\"], \"a\": 1 }")
    )
    assert.notStrictEqual(
      hashOfArguments("{\"a\":12345678901234567890}"),
      hashOfArguments("{\"a\":12345678901234567891}")
    )
    assert.notStrictEqual(hashOfArguments("{\"a\":[1,2]}"), hashOfArguments("{\"a\":[2,1]}"))
  })

  it.prop("is the same for the same value, however it is written", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value) ?? "null"
    return hashOfArguments(text) === hashOfArguments(JSON.stringify(JSON.parse(text), null, 2))
  })
})

describe("Wire", () => {
  const wire = (options: CallOptions) => wireOf(call(options), keyOf(options).key, "w")

  it("puts the key where the schema declares it, and always in _meta, and leaves the rest as it was", () => {
    assert.strictEqual(
      wire({ args: { text: "hi" } }).text,
      "{\"jsonrpc\":\"2.0\",\"id\":\"holdfast-w\",\"method\":\"tools/call\",\"params\":{\"name\":\"relay_send_message\","
        + "\"arguments\":{\"text\":\"hi\",\"idempotencyKey\":\"holdfast-u\"},\"_meta\":{\"holdfast/idempotencyKey\":\"holdfast-u\"}}}"
    )
    assert.notInclude(wire({ declaresKey: false }).text, "\"idempotencyKey\"")
    assert.include(
      wire({ declaresKey: false, args: { idempotencyKey: "mine" } }).text,
      "\"arguments\":{\"idempotencyKey\":\"mine\"}"
    )
    assert.include(
      wire({ meta: { progressToken: 1 } }).text,
      "\"_meta\":{\"progressToken\":1,\"holdfast/idempotencyKey\""
    )
  })

  it("gives the answer back under the agent's own id", () => {
    const { id } = wire({})
    assert.strictEqual(
      restoreId(`{"jsonrpc":"2.0","id":${id},"result":{"n":1.0}}`, id, "12345678901234567890"),
      "{\"jsonrpc\":\"2.0\",\"id\":12345678901234567890,\"result\":{\"n\":1.0}}"
    )
    assert.strictEqual(
      restoreId("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"x\"}}", id, "\"a\""),
      "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"error\":{\"code\":1,\"message\":\"x\"}}"
    )
  })
})

describe("mayBuffer", () => {
  it("never lets a part of a conversation be queued", () => {
    const { request } = call()
    assert.isTrue(mayBuffer(request))
    assert.isFalse(mayBuffer({ ...request, method: "tools/list" }))
    for (const name of ["requestState", "inputResponses", "task"]) {
      assert.isFalse(mayBuffer({ ...request, params: { ...request.params, [name]: {} } }))
    }
  })
})
