/**
 * `holdfast` as it is published, one file with all that it needs, which starts in a third of the time: built once for a
 * whole run of the tests, as vitest's `globalSetup`. Without it tests start the sources.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { oneFile } from "./oneFile.ts"

const setup = async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bundle-"))
  await oneFile("main", fileURLToPath(new URL("../../src/main.ts", import.meta.url)), directory)
  // Not one of Holdfast's own variables, which a child would take for a setting.
  process.env["BUNDLED_HOLDFAST"] = join(directory, "main.mjs")
  return () => rmSync(directory, { recursive: true, force: true })
}
export default setup
