/** Files that the guides name for whoever reads the code: each is there. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"

const root = new URL("../../../", import.meta.url)
const at = (path: string): boolean =>
  ["", ".ts", ".tsx"].some((extension) => existsSync(new URL(path + extension, root)))

/** What stands in backticks and has a slash. */
const pathsIn = (file: string): ReadonlyArray<string> =>
  [...readFileSync(new URL(file, root), "utf8").matchAll(/`([\w.-]+(?:\/[\w.-]+)+)`/g)].map(([, path = ""]) => path)

const isMethod = (path: string): boolean => ["tools/call", "tools/list", "server/discover"].includes(path)

describe("a file that is named", () => {
  it("in CONTRIBUTING.md is there", () => {
    const paths = pathsIn("CONTRIBUTING.md").filter((path) => !isMethod(path))
    assert.isAbove(paths.length, 60)
    assert.deepStrictEqual(paths.filter((path) => !at(path)), [])
  })

  it("in docs/design.md is there, below src or test", () => {
    const paths = pathsIn("docs/design.md").filter((path) => !isMethod(path))
    assert.isAbove(paths.length, 60)
    assert.deepStrictEqual(paths.filter((path) => !at(`src/${path}`) && !at(path)), [])
  })
})
