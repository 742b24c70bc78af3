/** The library from the tarball: each example compiled strictly, libraries included, and run beside a real relay. */
import { copyFileSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { EmptyFolder } from "./EmptyFolder.ts"
import { expect, expectEnd, type Table } from "./Table.ts"

/** In the versions that the repository has. */
const companions = (repository: string): ReadonlyArray<string> => {
  const { devDependencies } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"))
  return ["effect", "@effect/platform-node", "@types/node"].map((name) => `${name}@${devDependencies[name]}`)
}

export const runLibrary = async (place: EmptyFolder, node: string, table: Table, repository: string) => {
  const bin = place.file("node_modules", ".bin", "holdfast")
  await table.step("npm install effect @effect/platform-node beside it", async () =>
    expectEnd(
      await place.run(node, "npm", ["install", "--no-audit", "--no-fund", ...companions(repository)]),
      0,
      /added \d+ packages/
    ))
  const examples = readdirSync(place.file("node_modules", "holdfast", "docs", "examples"))
  for (const name of examples) {
    copyFileSync(place.file("node_modules", "holdfast", "docs", "examples", name), place.file(name))
  }
  await table.step(`tsc --strict, skipLibCheck off: ${examples.join(", ")}`, async () =>
    expectEnd(
      await place.run(node, join(repository, "node_modules", ".bin", "tsc"), [
        ...examples,
        ..."--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2024 --types node".split(" ")
      ]),
      0,
      /^$/
    ))

  const relay = place.start(node, bin, ["relay", "--port", "0", "--data-dir", place.file("library-relay")])
  const [, url = "", tokens = ""] = await relay.printed(/relay +(\S+)\ntokens +(.+)\n/)
  const token = readFileSync(tokens.replace("{agent}", "default"), "utf8").trim()
  for (const name of examples) {
    await table.step(`node docs/examples/${name}`, async () => {
      const example = place.start(node, "node", [name], {
        env: { RELAY_URL: url, RELAY_TOKEN: token, DATA_DIR: place.file("library-data") }
      })
      await example.printed(/agents connect to http|failed \d+ times/)
      // The one that is a service goes on until it is told to stop.
      if (name === "embed.ts") example.child.kill("SIGTERM")
      const { code, stderr } = await example.ended
      expect(name === "embed.ts" || code === 0, `exit code ${code}\n${stderr}`)
    })
  }
  relay.child.kill("SIGTERM")
  await relay.ended
}
