import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as fc from "fast-check"
import * as JsonText from "../../../src/domain/JsonText.ts"
import { readList } from "../../../src/domain/ListText.ts"
import * as ListResult from "../../../src/menu/ListResult.ts"
import * as Narrowing from "../../../src/menu/Narrowing.ts"
import { jsonText } from "../../support/jsonTexts.ts"

const hidesIn = Narrowing.compile([
  { tools: ["relay_workspace_*"], needs: "isolatedWorktree", reason: "only in a worktree" },
  { tools: ["admin"], needs: "admin" }
])
const tool = (name: string, rest = "") => `{ "name":${JSON.stringify(name)},"n":12345678901234567890${rest} }`
const list = (...tools: ReadonlyArray<string>) =>
  `{"x":1.0, "tools": [ ${tools.join(" , ")} ],"nextCursor":"c","cacheScope":"public"}`

const toolsIn = (text: string) => readList("tools", text)

const isSubsequence = (part: ReadonlyArray<string>, whole: ReadonlyArray<string>): boolean => {
  let at = 0
  for (const element of whole) if (element === part[at]) at++
  return at === part.length
}

describe("Narrowing", () => {
  it("only ever narrows: a subset, in order, each definition byte for byte", () => {
    const name = fc.oneof(fc.constantFrom("relay_workspace_list", "relay_workspace_", "admin", "send"), fc.string())
    const definition = fc.oneof(
      fc.tuple(name, jsonText).map(([name, extra]) => tool(name, `,"extra":${extra}`)),
      fc.constantFrom("{}", "null", "{\"name\":7}", "{\"name\":\"admin\",\"name\":\"send\"}")
    )
    const facts = fc.subarray(["isolatedWorktree", "admin"]).map((facts) => new Set(facts))
    fc.assert(
      fc.property(fc.array(definition), facts, (tools, facts) => {
        const whole = list(...tools)
        const narrowed = Narrowing.narrow(toolsIn(whole), hidesIn(facts))
        const seen = JsonText.elements(narrowed, ["tools"])
        assert.isTrue(isSubsequence(seen, JsonText.elements(whole, ["tools"])))
        const others = (text: string) => ({ ...JSON.parse(text), tools: [], cacheScope: "" })
        assert.deepStrictEqual(others(narrowed), others(whole))
        if (facts.size === 2) assert.strictEqual(narrowed, whole)
      }),
      { numRuns: 1000 }
    )
  })

  it("hides by rule, and says by which", () => {
    const hides = hidesIn(new Set(["admin"]))
    assert.strictEqual(Option.getOrThrow(hides("relay_workspace_list")).reason, "only in a worktree")
    assert.isTrue(Option.isNone(hides("admin")))
    const whole = list(tool("send"), tool("relay_workspace_list"), tool("admin"))
    assert.strictEqual(
      Narrowing.narrow(toolsIn(whole), hides),
      list(tool("send"), tool("admin")).replace("public", "private")
    )
  })

  it("leaves a result without tools alone", () => {
    for (const text of ["{}", "{\"tools\":null}", "[]", "null"]) {
      assert.strictEqual(Narrowing.narrow(toolsIn(text), hidesIn(new Set())), text)
    }
  })

  it("takes the output schema from bufferable tools only", () => {
    const schema = ",\"outputSchema\":{\"type\":\"object\"}"
    assert.strictEqual(
      Narrowing.withoutOutputSchema(
        toolsIn(list(tool("send", schema), tool("read", schema))),
        (name) => name === "send"
      ),
      list(tool("send"), tool("read", schema))
    )
  })
})

describe("Fingerprint", () => {
  it("does not depend on order, cursor or what stands beside the tools", () => {
    assert.strictEqual(
      ListResult.fingerprint(toolsIn(list(tool("a"), tool("b")))),
      ListResult.fingerprint(toolsIn(`{"tools":[${tool("b")},${tool("a")}]}`))
    )
  })

  it("sees a changed definition under the same name, and a tool more or less", () => {
    const of = (...tools: ReadonlyArray<string>) => ListResult.fingerprint(toolsIn(list(...tools)))
    assert.notStrictEqual(of(tool("a")), of(tool("a", ",\"description\":\"new\"")))
    assert.notStrictEqual(of(tool("a")), of(tool("a"), tool("a")))
    assert.notStrictEqual(of(), of(tool("a")))
  })
})
