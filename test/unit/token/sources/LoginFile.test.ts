import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as fc from "fast-check"
import { AgentName, RelayId } from "../../../../src/domain/Ids.ts"
import { agentOf, nameOf } from "../../../../src/token/sources/LoginFile.ts"

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,8}$/)

describe("the file of a login", () => {
  it("is of one relay and one agent alone, also where a file system tells no case apart", () => {
    const files = (relay: string, agent: string | undefined) =>
      nameOf(RelayId.make(relay), agent === undefined ? undefined : AgentName.make(agent)).toLowerCase()
    const pair = fc.tuple(name, fc.option(name, { nil: undefined }))
    const inCase = fc.mixedCase(fc.stringMatching(/^[a-z]{1,3}$/))
    const close = fc.tuple(inCase, fc.option(inCase, { nil: undefined }))
    fc.assert(fc.property(fc.oneof(fc.tuple(pair, pair), fc.tuple(close, close)), ([one, other]) => {
      const same = one[0] === other[0] && one[1] === other[1]
      assert.strictEqual(files(...one) === files(...other), same, JSON.stringify([one, other]))
    }))
    assert.notStrictEqual(files("default", "Bob"), files("default", "bob"))
  })

  it("says whose it is, and no file of another name does", () => {
    fc.assert(fc.property(name, name, (relay, agent) => {
      const id = RelayId.make(relay)
      assert.deepStrictEqual(agentOf(id, nameOf(id, AgentName.make(agent))), Option.some(AgentName.make(agent)))
    }))
    assert.deepStrictEqual(agentOf(RelayId.make("r"), "login-r@Bob.json"), Option.none())
    assert.deepStrictEqual(agentOf(RelayId.make("r"), "login-r@../x.json"), Option.none())
  })
})
