/** The words that start this very program anew, from any folder. */
import { realpathSync } from "node:fs"

export const self = (): readonly [string, ...ReadonlyArray<string>] => [
  process.execPath,
  realpathSync(process.argv[1] ?? "")
]
