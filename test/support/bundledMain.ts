/**
 * `holdfast` by the build that is published, which starts in a third of the sources' time: built once for a whole run
 * of the tests, as vitest's `globalSetup`, into a folder of its own. Without it tests start the sources.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "tsdown"
import { command } from "../../tsdown.config.ts"

const setup = async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bundle-"))
  // As in the package, whose `.js` files are modules.
  writeFileSync(join(directory, "package.json"), `{ "type": "module" }`)
  await Promise.all(command(directory).map((one) => build({ ...one, config: false, logLevel: "error" })))
  // Not one of Holdfast's own variables, which a child would take for a setting.
  process.env["BUNDLED_HOLDFAST"] = join(directory, "bin.js")
  return () => rmSync(directory, { recursive: true, force: true })
}
export default setup
