import { defineConfig, type Rolldown, type UserConfig } from "tsdown"
import { thirdPartyLicenses } from "./build/thirdPartyLicenses.ts"

/** One file with all that it needs but what is named: no chunks, which lose what CommonJS exports. */
const bundled = (name: string, entry: string, outDir: string, plugins: Array<Rolldown.Plugin>): UserConfig => ({
  entry: { [name]: entry },
  outDir,
  platform: "node",
  format: "esm",
  fixedExtension: false,
  plugins,
  deps: { alwaysBundle: [/.*/], onlyBundle: false },
  // jsonc-parser's `main` loads its parts in a way that no bundler can follow; its `module` does not.
  inputOptions: { resolve: { mainFields: ["module", "main"] } },
  outputOptions: { codeSplitting: false, comments: { legal: true, annotation: false, jsdoc: false } },
  // Dead code goes. Names and lines stay: a stack trace is read, and Node prints the line that threw.
  minify: { compress: true, mangle: false, codegen: false },
  dts: false,
  clean: false
})

/** A program as one file, which starts fast. */
export const oneFile = (name: string, entry: string, outDir: string): UserConfig => bundled(name, entry, outDir, [])

/** The programs that `bin.ts` starts, each a file of its own beside it. */
const programs = ["main"]

/** `bin.js` imports the programs as they lie beside it. */
const programsBeside: Rolldown.Plugin = {
  name: "programs-beside",
  resolveId: (id) => {
    const program = programs.find((name) => id === `./${name}.ts`)
    return program === undefined ? undefined : { id: `./${program}.js`, external: true }
  }
}

/** The command: `bin.js`, which any Node can read, and what it starts. The tests build the same into another folder. */
export const command = (outDir: string, plugins: Array<Rolldown.Plugin> = []): Array<UserConfig> => [
  bundled("bin", "src/bin.ts", outDir, [programsBeside]),
  ...programs.map((name) => bundled(name, `src/${name}.ts`, outDir, plugins))
]

/** The library: Effect stays the embedding program's own. */
const library = (outDir: string, plugins: Array<Rolldown.Plugin>): UserConfig => ({
  ...bundled("index", "src/index.ts", outDir, plugins),
  deps: { alwaysBundle: ["undici", "jsonc-parser"], neverBundle: [/^effect(\/|$)/, /^@effect\//], onlyBundle: false },
  outputOptions: { codeSplitting: false },
  minify: false,
  dts: true
})

const outDir = "dist"
const licenses = thirdPartyLicenses(outDir)

export default defineConfig(
  [...command(outDir, [licenses]), library(outDir, [licenses])].map((one) => ({ ...one, clean: true }))
)
