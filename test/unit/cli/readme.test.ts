/** What README.md, CONTRIBUTING.md and docs/ say of commands and files is so. */
import { assert, describe, it } from "@effect/vitest"
import type { Command } from "effect/cli"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { holdfast } from "../../../src/cli/holdfast.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const read = (file: string) => readFileSync(join(root, file), "utf8")
const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...globSync("docs/**/*.md", { cwd: root })]

const below = (command: Pick<Command.Command.Any, "subcommands">) =>
  command.subcommands.flatMap(({ commands }) => commands)

/** The lines of the first block of code below a heading. */
const block = (page: string, heading: string): ReadonlyArray<string> =>
  (page.split(`\n## ${heading}\n`)[1]?.split("```")[1] ?? "").trim().split("\n")

describe("README.md", () => {
  const lines = block(read("README.md"), "Commands").map((line) => line.split(/\s+/))

  it("lists each command that there is, in the order of --help, and no other", () => {
    assert.deepStrictEqual(lines.map(([, name]) => name), below(holdfast).map(({ name }) => name))
  })

  it("names each subcommand of a command", () => {
    for (const command of below(holdfast)) {
      const names = below(command).map(({ name }) => name)
      const line = lines.find(([, name]) => name === command.name) ?? []
      assert.deepStrictEqual(line.slice(2, 1 + 2 * names.length).filter((word) => word !== "|"), names, command.name)
    }
  })

  it("is short", () => assert.isBelow(read("README.md").split("\n").length, 180))
})

describe("the documentation", () => {
  it.each(pages)("%s links only to pages and headings that exist", (page) => {
    const anchors = (text: string) =>
      new Set(
        text.split("\n").filter((line) => /^#+ /.test(line)).map((line) =>
          line.replace(/^#+ /, "").toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
        )
      )
    const links = Array.from(read(page).matchAll(/\]\(([^)#\s]*)(?:#([^)\s]+))?\)/g))
    for (const [whole, path = "", anchor] of links) {
      if (/^[a-z]+:/.test(path)) continue
      const target = path === "" ? page : join(dirname(page), path)
      assert.isTrue(existsSync(join(root, target)), whole)
      if (anchor !== undefined) assert.isTrue(anchors(read(target)).has(anchor), whole)
    }
  })

  it.each(["CONTRIBUTING.md", "docs/design.md"])("%s names only files of the repository that exist", (page) => {
    const named = Array.from(
      read(page).matchAll(/`((?:src|test|bench|build|docs|\.ci)\/[\w./-]*)`/g),
      ([, path]) => path
    )
    for (const path of named) assert.isTrue(existsSync(join(root, path ?? "")), path)
  })
})
