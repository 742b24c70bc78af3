/**
 * Writes `THIRD-PARTY-LICENSES` beside the bundles: who wrote what is in them, under which license, taken from the
 * modules that the bundler did put there. A package without a license text fails the build.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, sep } from "node:path"
import type { Rolldown } from "tsdown"

/** The folder of the package that a module is from; `undefined` for our own. */
const packageOf = (module: string): string | undefined => {
  // The few lines with which a bundle loads CommonJS are the bundler's own.
  if (module.startsWith("\0rolldown/")) {
    return dirname(dirname(createRequire(import.meta.url).resolve("rolldown")))
  }
  const inside = module.split(`${sep}node_modules${sep}`)
  const [first, second] = inside.length === 1 ? [] : (inside.at(-1) ?? "").split(sep)
  if (first === undefined || second === undefined) return undefined
  return [...inside.slice(0, -1), first.startsWith("@") ? join(first, second) : first].join(`${sep}node_modules${sep}`)
}

const chapter = (directory: string): string => {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
  const name = `${manifest.name} ${manifest.version}`
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined || typeof manifest.license !== "string") {
    throw new Error(`${name} is in the bundle, and ${directory} has no license to go with it`)
  }
  return `${name} (${manifest.license})\n\n${readFileSync(join(directory, file), "utf8").trim()}\n`
}

/** One for all bundles of a folder: each that is written adds what it holds. `inside` are modules that lie in one as text. */
export const thirdPartyLicenses = (
  outDir: string,
  inside: () => Promise<ReadonlyArray<string>>
): Rolldown.Plugin => {
  const packages = new Set<string>()
  return {
    name: "third-party-licenses",
    writeBundle: async (_, bundle) => {
      const chunks = Object.values(bundle).filter((one) => one.type === "chunk")
      for (const module of [...chunks.flatMap(({ moduleIds }) => moduleIds), ...await inside()]) {
        const directory = packageOf(module)
        if (directory !== undefined) packages.add(directory)
      }
      const chapters = [...packages].sort().map(chapter)
      writeFileSync(
        join(outDir, "THIRD-PARTY-LICENSES"),
        ["The files in this folder contain parts of the following packages.\n", ...chapters].join(
          `\n${"-".repeat(80)}\n\n`
        )
      )
    }
  }
}
