/**
 * The programs that tests start again and again, as bundles, which start in a fraction of the sources' time: `holdfast`
 * by the build that is published, and the test relay. Built once for a whole run of the tests, as vitest's `globalSetup`,
 * into a folder of its own. Without it tests start the sources.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"
import { command } from "../../tsdown.config.ts"
import { oneFile } from "./oneFile.ts"

const relayProgram = fileURLToPath(new URL("relay/relayProgram.ts", import.meta.url))

const setup = async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bundle-"))
  // As in the package, whose `.js` files are modules.
  writeFileSync(join(directory, "package.json"), `{ "type": "module" }`)
  await Promise.all([
    ...command(directory).map((one) => build({ ...one, config: false, logLevel: "error" })),
    oneFile("relay", relayProgram, directory)
  ])
  // Not one of Holdfast's own variables, which a child would take for a setting.
  process.env["BUNDLED_HOLDFAST"] = join(directory, "bin.js")
  process.env["BUNDLED_TEST_RELAY"] = join(directory, "relay.mjs")
  return () => rmSync(directory, { recursive: true, force: true })
}
export default setup
