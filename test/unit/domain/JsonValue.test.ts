import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as JsonValue from "../../../src/domain/JsonValue.ts"
import * as Message from "../../../src/domain/Message.ts"

describe("JsonValue", () => {
  it("reads an escaped key as what it means, whatever keys were read before", () => {
    JsonValue.parse(String.raw`{"one":1,"a\\":1}`)
    assert.deepStrictEqual(JsonValue.parse(String.raw`{"one":1,"a\"":2}`), { "one": 1, "a\"": 2 })
    JsonValue.parse(String.raw`[{"params":{"nam\\":1}}]`)
    assert.deepStrictEqual(
      JsonValue.parse(String.raw`[{"params":{"nam\u0065":[{"x":"\\"}],"nam\u0065":"last"}}]`),
      [{ params: { name: "last" } }]
    )
  })

  it("gives one peer no say in what another's message means", () => {
    Message.parse(String.raw`{"jsonrpc":"2.0","id":1,"metho\\":1}`)
    const read = Message.parse(String.raw`{"jsonrpc":"2.0","id":1,"metho\u0064":"ping"}`)
    assert.strictEqual(Result.getOrThrow(read)._tag, "Request")
  })

  it("takes what JSON.parse takes, and keeps a key that really has a backslash", () => {
    for (const text of ["", "{", "{\"a\":1,}", "\"\\q\"", "[1 2]"]) assert.throws(() => JsonValue.parse(text))
    const value = { "a\\": { "b\\\"": [{ "__proto__": null }] }, "é\\n": "\\" }
    assert.deepStrictEqual(JsonValue.parse(JSON.stringify(value)), value)
  })
})
