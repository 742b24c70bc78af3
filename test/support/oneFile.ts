import { build } from "tsdown"
import * as published from "../../tsdown.config.ts"

/** A program of the tests, built as those that are published are: `<name>.mjs` in `directory`. */
export const oneFile = (name: string, entry: string, directory: string) =>
  build({
    ...published.oneFile(name, entry, directory),
    fixedExtension: true,
    config: false,
    logLevel: "error"
  })
