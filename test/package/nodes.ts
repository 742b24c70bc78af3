/** Other versions of Node, from npm: installed into a folder that stays, since each weighs 200 MB. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const versions = { "22": "22.23.3", "24": "24.21.0", "26": "26.10.0" } as const
export type Major = keyof typeof versions

const cache = fileURLToPath(new URL("../../node_modules/.cache/nodes/", import.meta.url))

/** The folder to put first on the PATH. */
export const nodeFolder = (major: Major): string => {
  if (process.versions.node === versions[major]) return dirname(process.execPath)
  const folder = join(cache, versions[major])
  const bin = join(folder, "node_modules", "node", "bin")
  if (!existsSync(join(bin, "node"))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, "package.json"), `{ "private": true }`)
    const { status, stderr } = spawnSync(
      "npm",
      ["install", "--no-audit", "--no-fund", "--prefer-offline", `node@${versions[major]}`],
      { cwd: folder, encoding: "utf8" }
    )
    if (status !== 0) throw new Error(`node@${versions[major]} cannot be installed: ${stderr}`)
  }
  return bin
}
