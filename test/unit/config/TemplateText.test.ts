import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import * as TemplateText from "../../../src/config/TemplateText.ts"
import { resolve } from "../../../src/token/sources/Template.ts"

const Hostile = Schema.Array(
  Schema.Literals(["{", "}", "{{}", "{agent}", "{env:HOME}", "{file:/etc/passwd}", "env:HOME", "agent", ":", "$", "\\"])
)

describe("a template", () => {
  it.effect.prop(
    "whose braces are escaped stands for exactly that text, whatever it looks like",
    [Hostile],
    ([parts]) =>
      Effect.gen(function*() {
        const text = parts.join("")
        const escaped = text.replaceAll("{", "{{}")

        assert.deepStrictEqual(TemplateText.variablesOf(escaped), [])
        assert.strictEqual(yield* resolve(escaped, "ada"), text)
      }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect.prop(
    "is filled once: what a value holds is never a template itself",
    [Hostile],
    ([parts]) =>
      Effect.gen(function*() {
        const agent = parts.join("")

        assert.strictEqual(yield* resolve("<{agent}>", agent), `<${agent}>`)
      }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it("says which variables it needs, wherever in a setting it stands, presets included", () => {
    const setting = {
      a: ["{env:ONE}", Redacted.make("x{env:TWO}{env:THREE}")],
      b: { preset: "workspace-git" },
      c: "{{}env:NONE}"
    }
    assert.deepStrictEqual(TemplateText.variablesOf(setting).toSorted(), [
      "CLOUD_API_URL",
      "ONE",
      "THREE",
      "TWO",
      "WORKSPACE_ID",
      "WORKSPACE_TOKEN"
    ])
  })

  it("names a file, unless the file's path could not be told from a template", () => {
    assert.isTrue(TemplateText.canName("/a b/c"))
    assert.isFalse(TemplateText.canName("/a{b}/c"))
  })
})
