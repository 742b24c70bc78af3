/** How this very program is started anew, from any folder: inside a single executable, that is the executable alone. */
import { realpathSync } from "node:fs"
import { isSea } from "node:sea"

/** Without what a developer's tools put before it. */
const options = (): ReadonlyArray<string> =>
  process.execArgv.filter((word, index, all) =>
    !word.startsWith("--import") && !word.startsWith("--inspect") && all[index - 1] !== "--import"
  )

export const self = (): readonly [string, ...ReadonlyArray<string>] =>
  isSea() ? [process.execPath] : [process.execPath, ...options(), realpathSync(process.argv[1] ?? "")]
