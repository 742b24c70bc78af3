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

/** What packages that come without a license text say in each of their files: whose they are, and under which. */
const noticed: Readonly<Record<string, { readonly copyright: string; readonly texts: ReadonlyArray<string> }>> = {
  "@bufbuild/protobuf": {
    copyright: "Copyright 2021-2026 Buf Technologies, Inc.",
    texts: ["Apache-2.0.txt", "protobuf-BSD-3-Clause.txt"]
  },
  "@connectrpc/connect": { copyright: "Copyright 2021-2026 The Connect Authors", texts: ["Apache-2.0.txt"] },
  "@connectrpc/connect-node": { copyright: "Copyright 2021-2026 The Connect Authors", texts: ["Apache-2.0.txt"] }
}

const licenseOf = (directory: string, name: string): string | undefined => {
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
  if (file !== undefined) return readFileSync(join(directory, file), "utf8").trim()
  const notice = Object.hasOwn(noticed, name) ? noticed[name] : undefined
  if (notice === undefined) return undefined
  const texts = notice.texts.map((text) => readFileSync(join(import.meta.dirname, "licenses", text), "utf8").trim())
  return [notice.copyright, ...texts].join("\n\n")
}

const chapter = (directory: string): string => {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
  const name = `${manifest.name} ${manifest.version}`
  const license = licenseOf(directory, manifest.name)
  if (license === undefined || typeof manifest.license !== "string") {
    throw new Error(`${name} is in the bundle, and ${directory} has no license to go with it`)
  }
  return `${name} (${manifest.license})\n\n${license}\n`
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
