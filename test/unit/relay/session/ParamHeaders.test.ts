import { assert, describe, it } from "@effect/vitest"
import { ParamHeaders } from "../../../../src/relay/session/ParamHeaders.ts"

const tool = (name: string, header: string) => ({
  name,
  inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": header } } }
})
const listOf = (...tools: ReadonlyArray<object>) => JSON.stringify({ tools })
const call = (name: string) => ({ name, arguments: { region: "eu" } })

describe("headers of parameters", () => {
  it("are those that the last list of a tool declares, over several lists", () => {
    const params = new ParamHeaders()
    params.learn(listOf(tool("a", "Region"), tool("b", "Place")))
    params.learn(listOf(tool("b", "Site"), { name: "c" }))
    assert.deepStrictEqual(params.of(call("a")), { "mcp-param-region": "eu" })
    assert.deepStrictEqual(params.of(call("b")), { "mcp-param-site": "eu" })
    params.learn(listOf({ name: "b" }))
    assert.deepStrictEqual(params.of(call("b")), {})
  })

  it("are known of 10,000 tools, those that were listed last, and of none that declares more than any request holds", () => {
    const params = new ParamHeaders()
    const names = (list: number) => Array.from({ length: 6_000 }, (_, index) => `t${list}-${index}`)
    for (const list of [1, 2]) params.learn(listOf(...names(list).map((name) => tool(name, "Region"))))
    params.learn(listOf(tool("wide", "x".repeat(5_000))))
    assert.deepStrictEqual(params.of(call("t1-0")), {})
    assert.deepStrictEqual(params.of(call("t2-5999")), { "mcp-param-region": "eu" })
    assert.deepStrictEqual(params.of(call("wide")), {})
  })

  it("of a list of very many values that is no JSON are none, and nothing fails", () => {
    const params = new ParamHeaders()
    params.learn(`{"tools":[{"name":"\\q","inputSchema":{}},{"name":"a","inputSchema":{"x-mcp-header":tru}}]}`)
    assert.deepStrictEqual(params.of(call("a")), {})
  })
})
