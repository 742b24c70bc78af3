/** How this very program is started anew, from any folder: inside a single executable, that is the executable alone. */
import { realpathSync } from "node:fs"
import { isSea } from "node:sea"

export const self = (): readonly [string, ...ReadonlyArray<string>] =>
  isSea() ? [process.execPath] : [
    process.execPath,
    ...process.execArgv.filter((word) => !word.startsWith("--import") && !word.startsWith("--inspect")),
    realpathSync(process.argv[1] ?? "")
  ]
