/**
 * The command as a single executable: `dist/main.js` inside Node itself, for machines that have none.
 *
 * Needs Node 26, whose `--build-sea` takes a module; the executable holds that Node. After `npm run build`:
 * `node build/singleExecutable.ts OUTPUT`, with a Node 26.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

export const singleExecutable = (node: string, main: string, output: string): void => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-executable-"))
  try {
    const config = join(directory, "sea.json")
    writeFileSync(
      config,
      JSON.stringify({ main, mainFormat: "module", output, disableExperimentalSEAWarning: true, useCodeCache: false })
    )
    const { status, stderr } = spawnSync(node, ["--build-sea", config], { encoding: "utf8" })
    if (status !== 0) throw new Error(`${node} --build-sea failed: ${stderr}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const [output] = process.argv.slice(2)
if (import.meta.main && output !== undefined) {
  singleExecutable(process.execPath, resolve("dist/main.js"), resolve(output))
}
