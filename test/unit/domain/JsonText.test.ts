import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { measure } from "../../../src/domain/JsonScan.ts"
import * as JsonText from "../../../src/domain/JsonText.ts"
import { drop, get, isObject, put } from "../../support/jsonModel.ts"
import { jsonText, path } from "../../support/jsonTexts.ts"

const holds = <A extends [unknown, ...Array<unknown>]>(
  arbitraries: { [K in keyof A]: fc.Arbitrary<A[K]> },
  predicate: (...args: A) => void
) => fc.assert(fc.property(...arbitraries, predicate), { numRuns: 2000 })

describe("JsonText", () => {
  it("finds the value that JSON.parse finds", () => {
    holds<[string, JsonText.Path]>([jsonText, path], (text, path) => {
      const expected = get(JSON.parse(text), path)
      const found = JsonText.at(text, path)
      assert.deepStrictEqual(found === undefined ? undefined : { found: JSON.parse(found) }, expected)
    })
  })

  it("sets what it says and nothing else", () => {
    holds<[string, JsonText.Path, string]>([jsonText, path, jsonText], (text, path, value) => {
      const changed = JsonText.set(text, path, value)
      assert.deepStrictEqual(JSON.parse(changed), put(JSON.parse(text), path, JSON.parse(value)))
    })
  })

  it("restores the text byte for byte when the old value is set again", () => {
    holds<[string, JsonText.Path, string]>([jsonText, path, jsonText], (text, path, value) => {
      const old = JsonText.at(text, path)
      if (old === undefined) return
      assert.strictEqual(JsonText.set(JsonText.set(text, path, value.trim()), path, old), text)
    })
  })

  it("restores the text byte for byte when what was inserted is removed", () => {
    holds<[string, string]>([jsonText, jsonText], (text, value) => {
      if (!isObject(JSON.parse(text)) || JsonText.at(text, ["new"]) !== undefined) return
      const emptied = (text: string) => text.replace(/\{\s*\}/, "{}")
      assert.strictEqual(emptied(JsonText.remove(JsonText.set(text, ["new"], value.trim()), ["new"])), emptied(text))
    })
  })

  it("removes a member with its comma and all its duplicates", () => {
    holds<[string, JsonText.Path]>([jsonText, path], (text, path) => {
      assert.deepStrictEqual(JSON.parse(JsonText.remove(text, path)), drop(JSON.parse(text), path))
    })
  })

  it("keeps elements byte for byte and in order", () => {
    holds<[ReadonlyArray<string>, number]>([fc.array(jsonText), fc.nat()], (all, seed) => {
      const keep = (_: string, index: number) => ((seed >> (index % 31)) & 1) === 1
      const text = `{"x": 1e2, "all" :[ ${all.join(" ,")} ] }`
      const kept = JsonText.keepElements(text, ["all"], keep)
      assert.deepStrictEqual(
        JsonText.elements(kept, ["all"]),
        all.map((element) => element.trim()).filter(keep)
      )
      assert.isTrue(kept.startsWith("{\"x\": 1e2, \"all\" :[") && kept.endsWith("] }"))
      JSON.parse(kept)
    })
  })

  it("leaves big integers, key order and spacing alone", () => {
    const text = "{ \"z\": 12345678901234567890,\n  \"params\": {\"arguments\":{\"n\":1.0}},  \"a\":\"\\ud83d\" }"
    assert.strictEqual(
      JsonText.set(text, ["params", "arguments", "idempotencyKey"], "\"k\""),
      "{ \"z\": 12345678901234567890,\n  \"params\": {\"arguments\":{\"n\":1.0,\"idempotencyKey\":\"k\"}},  \"a\":\"\\ud83d\" }"
    )
    assert.strictEqual(JsonText.at(text, ["z"]), "12345678901234567890")
  })

  it("makes the objects that are missing on the way", () => {
    assert.strictEqual(JsonText.set("{}", ["params", "_meta", "k"], "1"), "{\"params\":{\"_meta\":{\"k\":1}}}")
    assert.strictEqual(JsonText.set("{\"params\":null}", ["params", "k"], "1"), "{\"params\":{\"k\":1}}")
    assert.strictEqual(JsonText.set("{\"params\":3}", ["params", "k"], "1"), "{\"params\":3}")
  })

  it("sets several members as one after the other would", () => {
    const changes: ReadonlyArray<JsonText.Change> = [
      { path: ["id"], value: "\"new\"" },
      { path: ["params", "_meta", "k"], value: "1" },
      { path: ["params", "arguments", "idempotencyKey"], value: "2" }
    ]
    const meta = fc.constantFrom(
      "",
      ",\"_meta\":null",
      ",\"_meta\":{ }",
      ",\"_meta\": {\"k\":9,\"k\":8 }",
      ",\"_meta\":[1]"
    )
    const id = fc.constantFrom("\"id\":7, ", "\"id\":7,\"id\":[8] ,", "\"i\\u0064\":\"x\",", "")
    const members = fc.constantFrom("\"arguments\":{\"a\":\"]}\\\"\"}", "\"arguments\":3", "\"name\":1.0")
    const params = fc.oneof(
      fc.tuple(members, meta).map(([members, meta]) => `{${members}${meta}}`),
      fc.constantFrom("null", "\"no\"", "{}")
    )
    const any = fc.tuple(id, params).map(([id, params]) => ` { ${id}"params" : ${params} }\n`)
    fc.assert(fc.property(fc.oneof(any, fc.constantFrom("{}", "null", "[]", "{\"id\":1}"), jsonText), (text) => {
      const inTurn = changes.reduce((text, { path, value }) => JsonText.set(text, path, value), text)
      const atOnce = JsonText.setAll(text, changes)
      assert.deepStrictEqual(JSON.parse(atOnce), JSON.parse(inTurn))
      assert.strictEqual(atOnce.length, inTurn.length)
    }))
  })

  it("is not misled by quotes, brackets and commas inside strings", () => {
    const text = "{\"a\":\"\\\\\",\"b\":\"\\\"]},{\",\"id\":7}"
    assert.strictEqual(JsonText.at(text, ["id"]), "7")
  })

  it("returns on text that is no JSON", () => {
    for (const text of ["", "{", "{\"a", "{\"a\"", "{a:1,}", "[,]", "[1 2]", "{\"a\":}", "]", "{\"a\":1 // x\n}"]) {
      JsonText.at(text, ["a"])
      JsonText.set(text, ["a"], "1")
      JsonText.remove(text, ["a"])
      JsonText.elements(text, [])
    }
  })

  it("measures nesting however deep", () => {
    assert.deepStrictEqual(measure("{\"a\":[[\"[[[\"]]}", 10), { depth: 3, dense: false })
    assert.strictEqual(measure("[".repeat(1_000_000) + "]".repeat(1_000_000), 2_000_000).depth, 1_000_000)
  })
})
