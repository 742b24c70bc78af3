import { assert, describe, it } from "@effect/vitest"
import committed from "../../../docs/holdfast.schema.json" with { type: "json" }
import { keysAt, settingsJsonSchema } from "../../../src/config/SettingsJsonSchema.ts"

describe("docs/holdfast.schema.json", () => {
  it("is what the settings say", () => {
    // To renew it: print `JSON.stringify(settingsJsonSchema())` into the file and format it.
    assert.deepStrictEqual<unknown>(committed, JSON.parse(JSON.stringify(settingsJsonSchema())))
  })

  it("allows no unknown key", () => {
    assert.strictEqual(committed.additionalProperties, false)
    assert.deepStrictEqual(keysAt(["relays", "any"]), ["url", "plainHttp", "pinTools", "headers", "token"])
    assert.deepStrictEqual(keysAt(["menu", "rules", 0]), ["tools", "needs", "reason"])
  })
})
