import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { definitionsIn, definitionsInTurns, fingerprint } from "../../../src/menu/ToolDefinitions.ts"

const definition = {
  name: "search",
  title: "Search",
  description: "Searches.",
  inputSchema: { type: "object", properties: { q: { type: "string", description: "what" } }, required: ["q"] },
  outputSchema: { type: "object" },
  annotations: { readOnlyHint: true },
  icons: [{ src: "https://a.test/i.png" }],
  execution: { taskSupport: "optional" },
  _meta: { "a.test/x": 1 }
}
const print = (value: unknown) => fingerprint(JSON.stringify(value))

describe("a definition's fingerprint", () => {
  it("stays over another order of keys, space and escapes", () => {
    const reversed = Object.fromEntries(Object.entries(definition).reverse())
    assert.strictEqual(fingerprint(JSON.stringify(reversed, null, 2)), print(definition))
    assert.strictEqual(
      fingerprint(JSON.stringify(definition).replace("Searches.", "\\u0053earches.")),
      print(definition)
    )
  })

  it("changes with each member, with a new one, and with one that is gone", () => {
    const { title: _, ...without } = definition
    const others = [
      ...Object.keys(definition).map((key) => ({ ...definition, [key]: "another" })),
      { ...definition, added: null },
      without,
      { ...definition, description: "Searches. " },
      { ...definition, description: "Searches.\u200b" },
      { ...definition, annotations: { readOnlyHint: false } },
      { ...definition, inputSchema: { ...definition.inputSchema, properties: { q: { type: "string" } } } }
    ]
    const all = new Set([definition, ...others].map(print))
    assert.strictEqual(all.size, others.length + 1)
  })

  it("is one for each element of a list, as it stands there", () => {
    const list = `{"tools":[ {"name":"a"} , {"name":"\\u0061","x":1},{"description":"none"}]}`
    assert.deepStrictEqual(definitionsIn(list).map(({ name, text }) => [name, text]), [
      ["a", `{"name":"a"}`],
      ["a", `{"name":"\\u0061","x":1}`],
      ["", `{"description":"none"}`]
    ])
  })

  it.effect("is the same where a long list is read in portions, and of a definition over 1 MiB that of its text", () =>
    Effect.gen(function*() {
      const long = (before: string) => `{${before}"name":"long","description":"${"d".repeat(1024 * 1024)}"}`
      const result = `{"tools":[${JSON.stringify(definition)},${long("")},${JSON.stringify(definition, null, 1)}]}`
      const all = yield* definitionsInTurns(result)
      assert.lengthOf(all, 3)
      assert.deepStrictEqual(all, definitionsIn(result))
      assert.notStrictEqual(fingerprint(long("")), fingerprint(long(" ")))
    }))
})
