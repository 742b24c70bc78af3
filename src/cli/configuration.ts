/** The settings in force for this invocation: flags over environment over file over defaults. */
import { Effect, Option } from "effect"
import { settingsFrom } from "../config/Settings.ts"
import { dataDirectoryPath } from "../storage/DataDirectory.ts"
import { root } from "./root.ts"

export const settings = Effect.gen(function*() {
  const { dataDir } = yield* root
  return settingsFrom(Option.match(dataDir, { onNone: () => ({}), onSome: (dataDir) => ({ dataDir }) }))
})

export const dataDirectory = Effect.flatMap(settings, ({ dataDir }) => dataDirectoryPath(dataDir))
