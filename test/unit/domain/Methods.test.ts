import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as EraForm from "../../../src/domain/EraForm.ts"
import { defaultAgent } from "../../../src/domain/Ids.ts"
import * as JsonText from "../../../src/domain/JsonText.ts"
import * as McpHeaders from "../../../src/domain/McpHeaders.ts"
import { methods } from "../../../src/domain/Methods.ts"
import { translate } from "../../../src/relay/session/EraTranslator.ts"
import { ParamHeaders } from "../../../src/relay/session/ParamHeaders.ts"

const modern = {
  agent: defaultAgent,
  id: Option.none(),
  protocolVersion: "2026-07-28",
  result: "{}",
  generation: 1,
  modern: { envelope: [], resources: [], tasks: [], outages: 0 }
}

describe("the table of methods", () => {
  it.each([...methods])("is what headers, results and translation go by: %s", (method, facts) => {
    const params = { name: "a", uri: "b", taskId: "c" }
    assert.strictEqual(McpHeaders.standard(method, params)["mcp-name"], facts.named && params[facts.named])
    const result = EraForm.modernResult("{}", method)
    assert.strictEqual(JsonText.at(result, ["ttlMs"]), facts.cacheable ? "0" : undefined)
    const text = `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":{}}`
    const { local } = translate(modern, { text, id: "1" }, new ParamHeaders())
    assert.strictEqual(local, facts.emptyResult ? `{"jsonrpc":"2.0","id":1,"result":{}}` : undefined)
  })
})
