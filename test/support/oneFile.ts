import { build } from "tsdown"

/** A program with all that it needs as `<name>.mjs` in `directory`, which starts faster than its sources. */
export const oneFile = (name: string, entry: string, directory: string) =>
  build({
    config: false,
    entry: { [name]: entry },
    outDir: directory,
    platform: "node",
    format: "esm",
    deps: { alwaysBundle: [/.*/], onlyBundle: false },
    inputOptions: { resolve: { mainFields: ["module", "main"] } },
    outputOptions: { codeSplitting: false },
    dts: false,
    clean: false,
    logLevel: "error"
  })
