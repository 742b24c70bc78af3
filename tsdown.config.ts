import { defineConfig, type UserConfig } from "tsdown"

const shared = { platform: "node", format: "esm", fixedExtension: false } satisfies UserConfig

/** A program as one file with all that it needs: no chunks, which cost a read each and lose what CommonJS exports. */
export const oneFile = (name: string, entry: string, outDir: string): UserConfig => ({
  ...shared,
  entry: { [name]: entry },
  outDir,
  deps: { alwaysBundle: [/.*/], onlyBundle: false },
  // jsonc-parser's `main` loads its parts in a way that no bundler can follow; its `module` does not.
  inputOptions: { resolve: { mainFields: ["module", "main"] } },
  outputOptions: { codeSplitting: false, comments: { legal: true, annotation: false, jsdoc: false } },
  // Dead code goes. Names and lines stay: a stack trace is read, and Node prints the line that threw.
  minify: { compress: true, mangle: false, codegen: false },
  dts: false,
  clean: false
})

/** The programs that `bin.ts` starts, each a file of its own beside it. */
const programs = ["main"]

/** The command: `bin.js`, which any Node can read, and what it starts. The tests build the same into another folder. */
export const command = (outDir: string): Array<UserConfig> => [
  {
    ...shared,
    entry: { bin: "src/bin.ts" },
    outDir,
    plugins: [{
      name: "programs-beside",
      resolveId: (id) => {
        const program = programs.find((name) => id === `./${name}.ts`)
        return program === undefined ? undefined : { id: `./${program}.js`, external: true }
      }
    }],
    dts: false,
    clean: false
  },
  ...programs.map((name) => oneFile(name, `src/${name}.ts`, outDir))
]

/** The library: Effect stays the embedding program's own. */
const library: UserConfig = {
  ...shared,
  entry: { index: "src/index.ts" },
  deps: { neverBundle: [/^effect(\/|$)/, /^@effect\//, "undici", "jsonc-parser"] },
  dts: true,
  clean: false
}

export default defineConfig([...command("dist"), library].map((one) => ({ ...one, clean: true })))
