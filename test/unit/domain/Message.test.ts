import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Message from "../../../src/domain/Message.ts"

const parsed = (text: string) => Result.getOrThrow(Message.parse(text))
const code = (text: string) => Result.match(Message.parse(text), { onSuccess: () => 0, onFailure: (bad) => bad.code })

describe("Message", () => {
  it("keeps a request's id as it stands in the text", () => {
    for (const id of ["1", "12345678901234567890", "\"a\\u0062\"", "-1.50", "\"\""]) {
      const message = parsed(`{"jsonrpc":"2.0", "id" : ${id}, "method":"ping"}`)
      assert.isTrue(message._tag === "Request" && message.id === id && message.method === "ping")
    }
  })

  it("takes the last of duplicated ids, as JSON.parse does", () => {
    const message = parsed("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"id\":3},\"\\u0069d\":2}")
    assert.isTrue(message._tag === "Request" && message.id === "2")
  })

  it("tells notifications, results and errors apart", () => {
    assert.strictEqual(parsed("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}")._tag, "Notification")
    const result = parsed("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"a\":1}}")
    assert.isTrue(result._tag === "Response" && result.error === undefined)
    assert.deepStrictEqual(result._tag === "Response" && result.result, { a: 1 })
    const error = parsed("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"no session\"}}")
    assert.isTrue(error._tag === "Response" && error.id === "null" && error.error?.message === "no session")
  })

  it("counts an error's missing id as null, and params that are null as absent", () => {
    const error = parsed("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"\"}}")
    assert.isTrue(error._tag === "Response" && error.id === "null")
    const request = parsed("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":null}")
    assert.deepStrictEqual(request._tag === "Request" && request.params, {})
  })

  it("says -32700 for text that is no strict JSON", () => {
    for (const text of ["", "{", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",}", "{} // x", "\uFEFF{}", "NaN"]) {
      assert.strictEqual(code(text), -32700, text)
    }
  })

  it("says -32600 for JSON that is no message", () => {
    for (
      const text of [
        "1",
        "null",
        "\"x\"",
        "{}",
        "{\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{\"code\":1,\"message\":\"\"}}"
      ]
    ) {
      assert.strictEqual(code(text), -32600, text)
    }
  })

  it("reads a batch with each message's own text", () => {
    const one = "{\"jsonrpc\":\"2.0\",\"id\": 12345678901234567890,\"method\":\"ping\"}"
    const two = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"
    const batch = parsed(`[ ${one} ,\n${two}]`)
    assert.deepStrictEqual(batch._tag === "Batch" && batch.messages.map((message) => message.text), [one, two])
  })

  it("refuses an empty batch, and one that holds anything but messages", () => {
    assert.strictEqual(code("[]"), -32600)
    assert.strictEqual(code("[{\"jsonrpc\":\"2.0\",\"method\":\"x\"},1]"), -32600)
    assert.strictEqual(code("[[{\"jsonrpc\":\"2.0\",\"method\":\"x\"}]]"), -32600)
  })

  it("refuses nesting that would overflow the stack further on", () => {
    const deep = (n: number) => `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":${"[".repeat(n)}${"]".repeat(n)}}}`
    assert.strictEqual(code(deep(900)), 0)
    assert.strictEqual(code(deep(1_000_000)), -32600)
  })

  it("knows one id from another, however they are written", () => {
    assert.isTrue(Message.sameId("1", "1.0"))
    assert.isTrue(Message.sameId("\"a\"", "\"\\u0061\""))
    assert.isTrue(Message.sameId("12345678901234567890", "12345678901234567000"))
    assert.isFalse(Message.sameId("1", "\"1\""))
  })

  it("passes on an answer of very many values by its text, and refuses whatever else is that dense", () => {
    const many = `[${"1,".repeat(Message.maxValues)}1]`
    const answer = `{"id":7,"jsonrpc":"2.0","result":{"tools":${many}}}`
    const parsed = Message.parse(answer)
    assert.deepStrictEqual(Result.getOrThrow(parsed), {
      _tag: "Response",
      text: answer,
      id: "7",
      error: undefined,
      result: {}
    })
    const refused = [
      `{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"},"result":${many}}`,
      `{"jsonrpc":"2.0","id":seven,"result":${many}}`,
      `{"jsonrpc":"2.0","id":{"x":1},"result":${many}}`,
      `{"jsonrpc":"2.0","\\q":7,"\\q\\q":7,"result":${many}}`,
      `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":${many}}}`,
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":${many}}}`,
      `{"jsonrpc":"2.0","id":7,"method":"x","result":${many}}`,
      many
    ]
    for (const text of refused) assert.strictEqual(code(text), -32600)
    const failed = `{"jsonrpc":"2.0","id":7,"error":null,"result":{"isError":true,"content":${many},"\\q\\q\\q":1}}`
    const read = Result.getOrThrow(Message.parse(failed))
    assert.deepStrictEqual(read._tag === "Response" ? read.result : undefined, { isError: true })
    const long = `{"jsonrpc":"2.0","id":7,"method":"x","params":{"text":"${"1,[{\\\"".repeat(Message.maxValues)}"}}`
    assert.strictEqual(Result.getOrThrow(Message.parse(long))._tag, "Request")
  })
})
