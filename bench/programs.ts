/**
 * What the bench starts, built once a run into folders that go with it: Holdfast by the build that is published, and the
 * bench's own programs as plain JavaScript, so that none of them holds or does what only running TypeScript needs.
 */
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build, type UserConfig } from "tsdown"
import { command } from "../tsdown.config.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

const names = [
  "barePassThrough",
  "bareQueue",
  "commits",
  "loop",
  "officialRelay",
  "probe",
  "stdioRelay",
  "stubRelay"
] as const

export type ProgramName = (typeof names)[number]

const built = async (configurations: (directory: string) => ReadonlyArray<UserConfig>): Promise<string> => {
  const directory = temporaryDirectory()
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }))
  // As in the package, whose `.js` files are modules.
  writeFileSync(join(directory, "package.json"), `{ "type": "module" }`)
  const options = { config: false, clean: false, dts: false, logLevel: "error" } as const
  await Promise.all(configurations(directory).map((one) => build({ ...one, ...options })))
  return directory
}

let programs: Promise<string> | undefined

/** The file of one of the bench's programs. */
export const programFile = async (name: ProgramName): Promise<string> => {
  programs ??= built((outDir) => [{
    entry: Object.fromEntries(
      names.map((name) => [name, fileURLToPath(new URL(`processes/${name}.ts`, import.meta.url))])
    ),
    outDir,
    platform: "node",
    format: "esm",
    deps: { alwaysBundle: [/.*/], onlyBundle: false }
  }])
  return join(await programs, `${name}.mjs`)
}

let holdfast: Promise<string> | undefined

/** Holdfast's `bin.js`; what `BENCH_HOLDFAST` names, where it does: another build, to compare with. */
export const holdfastFile = async (sourcemap = false): Promise<string> => {
  const named = process.env["BENCH_HOLDFAST"]
  if (named !== undefined) return named
  holdfast ??= built((outDir) => command(outDir).map((one) => ({ ...one, sourcemap })))
  return join(await holdfast, "bin.js")
}
