import { defineConfig, type Rolldown, type UserConfig } from "tsdown"
import { dashboardPage, modulesOfPage } from "./build/dashboardPage.ts"
import { latin1 } from "./build/latin1.ts"
import { narrowUndici } from "./build/narrowUndici.ts"
import { plainBuiltins, plainBuiltinsAnywhere } from "./build/plainBuiltins.ts"
import { thirdPartyLicenses } from "./build/thirdPartyLicenses.ts"

/** With all that it needs but what is named. */
const bundled = (entry: Record<string, string>, outDir: string, plugins: Array<Rolldown.Plugin>): UserConfig => ({
  entry,
  outDir,
  platform: "node",
  format: "esm",
  fixedExtension: false,
  plugins: [narrowUndici, dashboardPage, ...plugins],
  deps: { alwaysBundle: [/.*/], onlyBundle: false },
  // jsonc-parser's `main` loads its parts in a way that no bundler can follow; its `module` does not.
  inputOptions: { resolve: { mainFields: ["module", "main"] } },
  outputOptions: { comments: { legal: true, annotation: false, jsdoc: false } },
  // Dead code goes. Names and lines stay: a stack trace is read, and Node prints the line that threw.
  minify: { compress: true, mangle: false, codegen: false },
  dts: false,
  clean: false
})

/** A program as one file, without chunks. */
export const oneFile = (
  name: string,
  entry: string,
  outDir: string,
  plugins: Array<Rolldown.Plugin> = []
): UserConfig => {
  const configuration = bundled({ [name]: entry }, outDir, plugins)
  return { ...configuration, outputOptions: { ...configuration.outputOptions, codeSplitting: false } }
}

/** The programs that `bin.ts` starts: files beside it, and the chunks that they share. */
const programs = { main: "src/main.ts", serve: "src/programs/serve.ts", client: "src/programs/client.ts" }

/** What git starts at each push: one small file, and no package may get into it. */
const gitHelper = { name: "gitHelper", entry: "src/programs/gitHelper.ts" }
const alone = { alwaysBundle: [/.*/], onlyBundle: [] }

/** `bin.js` imports the programs as they lie beside it. */
const programsBeside: Rolldown.Plugin = {
  name: "programs-beside",
  resolveId: (id) => {
    const program = Object.entries({ ...programs, [gitHelper.name]: gitHelper.entry }).find(([, entry]) =>
      id.replace("./", "src/") === entry
    )
    return program === undefined ? undefined : { id: `./${program[0]}.js`, external: true }
  }
}

/** The command: `bin.js`, which any Node can read, and what it starts. The tests build the same into another folder. */
export const command = (outDir: string, plugins: Array<Rolldown.Plugin> = []): Array<UserConfig> => [
  oneFile("bin", "src/bin.ts", outDir, [programsBeside, plainBuiltinsAnywhere]),
  { ...oneFile(gitHelper.name, gitHelper.entry, outDir), deps: alone },
  bundled(programs, outDir, [plainBuiltins, latin1, ...plugins])
]

/** The library: Effect stays the embedding program's own. */
const library = (outDir: string, plugins: Array<Rolldown.Plugin>): UserConfig => ({
  ...oneFile("index", "src/index.ts", outDir, plugins),
  deps: {
    alwaysBundle: ["undici", "jsonc-parser", /^@connectrpc\//, /^@bufbuild\//],
    neverBundle: [/^effect(\/|$)/, /^@effect\//],
    onlyBundle: false
  },
  outputOptions: { codeSplitting: false },
  minify: false,
  dts: true
})

const outDir = "dist"
const licenses = thirdPartyLicenses(outDir, modulesOfPage)

export default defineConfig(
  [...command(outDir, [licenses]), library(outDir, [licenses])].map((one) => ({ ...one, clean: true }))
)
