import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { readList } from "../../../src/domain/ListText.ts"
import * as ListResult from "../../../src/menu/ListResult.ts"
import { NarrowedLists } from "../../../src/menu/NarrowedLists.ts"
import * as Narrowing from "../../../src/menu/Narrowing.ts"

const rule = { tools: ["*"], needs: "never", reason: "a test" }
const hiding = (...hidden: ReadonlyArray<string>): Narrowing.Hides => (tool) =>
  hidden.includes(tool) ? Option.some(rule) : Option.none()
const toolsIn = (text: string) => readList("tools", text)
const isBufferable = (tool: string) => tool === "send"
const result = `{"tools":[{"name":"send","outputSchema":{}}, {"name":"é"},{"name":"b"}],"cacheScope":"public"}`

describe("NarrowedLists", () => {
  it("narrows as ever, and gives the same list to all who see the same tools of it", () => {
    const lists = new NarrowedLists(isBufferable)
    const seen = lists.narrow(result, hiding("b"))
    assert.strictEqual(
      seen.result,
      Narrowing.narrow(toolsIn(Narrowing.withoutOutputSchema(toolsIn(result), isBufferable)), hiding("b"))
    )
    assert.strictEqual(seen.bytes.toString(), seen.result)
    assert.strictEqual(seen.fingerprint, ListResult.fingerprint(toolsIn(seen.result)))
    assert.strictEqual(lists.narrow(`${result}`, hiding("b", "not in the list")), seen)
    assert.notStrictEqual(lists.narrow(result, hiding("é")).result, seen.result)
  })

  it("asks the rules each time: what they say may change", () => {
    const lists = new NarrowedLists(isBufferable)
    let hides = hiding()
    const rules: Narrowing.Hides = (tool) => hides(tool)
    assert.include(lists.narrow(result, rules).result, `"b"`)
    hides = hiding("b")
    assert.notInclude(lists.narrow(result, rules).result, `"b"`)
  })

  it("leaves out what is held back, by its place, whatever the rules say; what stays is byte for byte", () => {
    let held: ReadonlySet<number> = new Set([1])
    const lists = new NarrowedLists(isBufferable, (list) => list === result ? held : new Set())
    const kept = `{"tools":[{"name":"send"},{"name":"b"}],"cacheScope":"private"}`
    assert.strictEqual(lists.narrow(result, Narrowing.hidesNothing).result, kept)
    held = new Set([0, 1])
    assert.strictEqual(
      lists.narrow(result, hiding("b")).result,
      `{"tools":[],"cacheScope":"private"}`
    )
    held = new Set()
    assert.include(lists.narrow(result, Narrowing.hidesNothing).result, `{"name":"é"}`)
  })

  it("narrows a list that changed anew", () => {
    const lists = new NarrowedLists(isBufferable)
    lists.narrow(result, hiding("b"))
    const changed = result.replace(`"é"`, `"è"`)
    assert.include(lists.narrow(changed, hiding("b")).result, `"è"`)
  })
})
