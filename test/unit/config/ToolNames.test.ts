import { assert, describe, it } from "@effect/vitest"
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

  it("matches nothing where nothing is listed, everything with *", () => {
    assert.isFalse(ToolNames.matcher([])("a"))
    assert.isTrue(ToolNames.matcher(["*"])("a\nb"))
  })
})
