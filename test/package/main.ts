/**
 * What is published, as somebody else meets it: the tarball in an empty folder with a home of its own.
 *
 * `npm run package`. Packs (which builds), installs, runs every command of the README on Node 24 and 26, meets the
 * message on 22, and compiles and runs each example of the library. Prints what it ran; the exit code is 0 only where
 * all went well. Names of steps as arguments run only those: `commands`, `library`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { runCommands } from "./commands.ts"
import { EmptyFolder } from "./EmptyFolder.ts"
import { runLibrary } from "./library.ts"
import { nodeFolder } from "./nodes.ts"
import { pack } from "./pack.ts"
import { expect, expectEnd, Table } from "./Table.ts"

const repository = fileURLToPath(new URL("../../", import.meta.url))
const only = new Set(process.argv.slice(2))
const wanted = (part: string): boolean => only.size === 0 || only.has(part)
const place = new EmptyFolder()
const table = new Table()

/** What a README names: the first words of its command list. */
const documented = (): ReadonlyArray<string> => {
  const [, list = ""] =
    /```\n(holdfast connect[\s\S]*?)```/.exec(readFileSync(join(repository, "README.md"), "utf8")) ??
      []
  return [...list.matchAll(/^holdfast (\w+)/gm)].map(([, name = ""]) => name)
}

/** Links of the README to files that the tarball lacks. */
const missing = (folder: string): ReadonlyArray<string> => {
  const links = [...readFileSync(join(folder, "README.md"), "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g)]
  return links.map(([, path = ""]) => path).filter((path) => {
    const parent = join(folder, dirname(path))
    try {
      return !readdirSync(parent).includes(path.split("/").at(-1) ?? "")
    } catch {
      return true
    }
  })
}

try {
  const { file: tarball } = pack(repository, place.path)
  const installed = place.file("node_modules", "holdfast")
  const [node22, node24, node26] = [nodeFolder("22"), nodeFolder("24"), nodeFolder("26")]
  writeFileSync(place.file("package.json"), `{ "name": "empty", "private": true, "type": "module" }`)

  await table.step("npm install holdfast.tgz: one package, whole", async () => {
    expectEnd(await place.run(node24, "npm", ["install", "--no-audit", "--no-fund", tarball]), 0, /added 1 package\b/)
    expect(missing(installed).length === 0, `the README links ${missing(installed).join(", ")}`)
    const there = readdirSync(installed, { recursive: true }).map(String)
    for (
      const name of ["CHANGELOG.md", "LICENSE", "server.json", "dist/THIRD-PARTY-LICENSES", "docs/holdfast.schema.json"]
    ) expect(there.includes(name), `${name} is not in the tarball`)
    const [manifest, server] = ["package.json", "server.json"].map((name) =>
      JSON.parse(readFileSync(join(installed, name), "utf8"))
    )
    expect(manifest.mcpName === server.name && manifest.version === server.version, "server.json is another package's")
    expect(server.packages[0].version === manifest.version, "server.json names another version")
  })

  if (wanted("library")) {
    const tool = (name: string) => join(repository, "node_modules", ".bin", name)
    await table.step(
      "publint --strict: what package.json promises is there",
      async () => expectEnd(await place.run(node24, tool("publint"), [tarball, "--strict"]), 0, /All good/)
    )
    await table.step(
      "attw: a program that imports the library finds its types",
      async () => expectEnd(await place.run(node24, tool("attw"), [tarball, "--profile", "esm-only"]), 0, /node16/)
    )
  }

  if (wanted("commands")) {
    const bin = place.file("node_modules", ".bin", "holdfast")
    await table.step(
      "Node 22  holdfast --version: says which Node it needs",
      async () => expectEnd(await place.run(node22, bin, ["--version"]), 1, /needs Node 24 or newer, and .* is v22/)
    )
    for (const [label, node] of [["Node 24", node24], ["Node 26", node26]] as const) {
      await table.step(
        `${label}  npx --no-install holdfast --version`,
        async () =>
          expectEnd(await place.run(node, "npx", ["--no-install", "holdfast", "--version"]), 0, /\d+\.\d+\.\d+/)
      )
      await table.step(`${label}  npx --package=holdfast.tgz holdfast --version`, async () =>
        expectEnd(
          await place.run(node, "npx", ["--yes", `--package=${tarball}`, "holdfast", "--version"], {
            directory: place.file("home")
          }),
          0,
          /\d+\.\d+\.\d+/
        ))
      const ran = await runCommands(place, node, table, label)
      await table.step(`${label}  every command of the README was run`, async () => {
        const left = documented().filter((name) => !ran.has(name))
        expect(documented().length > 0 && left.length === 0, `not run: ${left.join(", ")}`)
      })
    }
  }
  if (wanted("library")) await runLibrary(place, node24, table, repository)
} finally {
  place.remove()
}
process.stdout.write(`${table.passed} passed, ${table.failed} failed\n`)
process.exitCode = table.failed === 0 ? 0 : 1
