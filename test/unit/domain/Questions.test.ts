import { assert, describe, it } from "@effect/vitest"
import * as Questions from "../../../src/domain/Questions.ts"

const form = `{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"n":12345678901234567890}}}`
const link = `{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://example.test"}}`

describe("a question across the eras", () => {
  it("declares of a client what both eras can ask, and nothing else", () => {
    const all =
      `{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{"url":{}},"tasks":{},"extensions":{"x":{}}}`
    assert.strictEqual(Questions.capabilities(all), `{"elicitation":{"url":{}},"sampling":{"tools":{}},"roots":{}}`)
    assert.strictEqual(Questions.capabilities(`{"experimental":{}}`), "{}")
    assert.isFalse(Questions.canBeAsked(`{"extensions":{"x":{}}}`))
    assert.isTrue(Questions.canBeAsked(`{"roots":{}}`))
    assert.isTrue(Questions.isAskable("roots/list", `{"roots":{}}`))
    assert.isFalse(Questions.isAskable("sampling/createMessage", `{"roots":{}}`))
    assert.isFalse(Questions.isAskable("tools/list", all))
  })

  it("is put as a request, and back, with its text as it was", () => {
    const request = Questions.asRequest(form, `"q-1"`)
    assert.deepInclude(JSON.parse(request), { jsonrpc: "2.0", id: "q-1", method: "elicitation/create" })
    assert.include(request, "12345678901234567890")
    assert.strictEqual(Questions.asInputRequest(request), form)
    assert.strictEqual(
      Questions.asRequest(`{"method":"roots/list"}`, "7"),
      `{"jsonrpc":"2.0","id":7,"method":"roots/list"}`
    )
  })

  it("for a link has an id in the era that wants one, which the other does not see", () => {
    const request = Questions.asRequest(link, "1")
    assert.match(JSON.parse(request).params.elicitationId, /^[0-9a-f-]{36}$/)
    assert.strictEqual(Questions.asInputRequest(request), link)
    const given = link.replace(`"mode"`, `"elicitationId":"mine","mode"`)
    assert.strictEqual(JSON.parse(Questions.asRequest(given, "1")).params.elicitationId, "mine")
  })

  it("that a client answers with an error counts as cancelled where the era has a form for that", () => {
    const error = `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}`
    assert.strictEqual(Questions.asInputResponse("elicitation/create", error), `{"action":"cancel"}`)
    assert.isUndefined(Questions.asInputResponse("roots/list", error))
    assert.strictEqual(Questions.asInputResponse("roots/list", `{"id":1,"result":{"roots":[]}}`), `{"roots":[]}`)
  })
})
