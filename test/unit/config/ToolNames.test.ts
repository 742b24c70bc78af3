import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ToolNames from "../../../src/config/ToolNames.ts"

describe("ToolNames", () => {
  it("matches names exactly and globs by * and ?", () => {
    const matches = ToolNames.matcher(["relay_reply", "relay_workspace_*", "v?.send"])
    for (const tool of ["relay_reply", "relay_workspace_", "relay_workspace_a/b", "v2.send"]) {
      assert.isTrue(matches(tool), tool)
    }
    for (const tool of ["relay_reply2", "xrelay_workspace_a", "v22.send", "v2xsend", ""]) {
      assert.isFalse(matches(tool), tool)
    }
  })

  it("is done with any name soon, however the globs could share it out", () => {
    const name = "a".repeat(20_000)
    assert.isFalse(ToolNames.matcher(["*a*a*a*a*a*a*b"])(name))
    assert.isTrue(ToolNames.matcher(["*a*a*a*a*a*a?"])(name))
  })

  it("agrees with a regular expression on short names", () => {
    const letters = fc.stringMatching(/^[ab]{0,8}$/)
    fc.assert(fc.property(fc.stringMatching(/^[ab*?]{0,6}$/), letters, (pattern, name) => {
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name)
      assert.strictEqual(ToolNames.matcher([pattern])(name), expected, `${pattern} ${name}`)
    }))
  })

  it("matches nothing where nothing is listed, everything with *", () => {
    assert.isFalse(ToolNames.matcher([])("a"))
    assert.isTrue(ToolNames.matcher(["*"])("a\nb"))
  })
})
