import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { canonical } from "../../../src/domain/CanonicalJson.ts"
import { jsonText } from "../../support/jsonTexts.ts"

/** The same value, written with its keys in another order, with space, and with escapes. */
const otherwise = (value: unknown): string => {
  if (Array.isArray(value)) return `[ ${value.map(otherwise).join(" ,\n")}]`
  if (typeof value === "object" && value !== null) {
    return `{${
      Object.entries(value).reverse().map(([key, one]) => ` ${otherwise(key)}\t: ${otherwise(one)}`).join(",")
    } }`
  }
  if (typeof value !== "string") return JSON.stringify(value)
  return `"${
    Array.from({ length: value.length }, (_, at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")
  }"`
}

describe("a canonical text", () => {
  it("is one for all that means the same, and says what it said", () => {
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = canonical(JSON.stringify(value))
      assert.strictEqual(canonical(otherwise(value)), text)
      assert.deepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }))
  })

  it("is canonical already, whatever the text", () => {
    fc.assert(fc.property(jsonText, (text) => {
      assert.strictEqual(canonical(canonical(text)), canonical(text))
      assert.deepStrictEqual(JSON.parse(canonical(text)), JSON.parse(text))
    }))
  })

  it.each([
    ["digits that a double does not hold", "12345678901234567890", "12345678901234567891"],
    ["a number's form", "1", "1.0"],
    ["a duplicated key's first value", `{"a":1,"a":3}`, `{"a":2,"a":3}`],
    ["the order of duplicated keys", `{"a":1,"a":2}`, `{"a":2,"a":1}`],
    ["the order of an array", "[1,2]", "[2,1]"],
    ["a text from a number", `"1"`, "1"],
    ["nothing from an empty text", "null", `""`],
    ["a key from its value", `{"a":"b"}`, `{"b":"a"}`]
  ])("tells %s apart", (_, one, other) => {
    assert.notStrictEqual(canonical(one), canonical(other))
  })

  it("comes for what is nested very deep, and for what is no JSON", () => {
    const deep = "[".repeat(50_000) + "]".repeat(50_000)
    assert.strictEqual(canonical(deep), deep)
    fc.assert(fc.property(fc.string(), (text) => {
      canonical(text)
      canonical(`{${text}`)
      canonical(`["\\u${text}`)
    }))
  })
})
