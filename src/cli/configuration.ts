/** The settings in force for this invocation: flags over environment over file over defaults. */
import { Effect, Option } from "effect"
import { load, type Sources } from "../config/Load.ts"
import { dataDirectoryPath } from "../storage/DataDirectory.ts"
import { root } from "./root.ts"

/** With what `serve` alone takes. */
export const settingsWith = Effect.fnUntraced(function*(flags: Pick<NonNullable<Sources["flags"]>, "relay" | "port">) {
  const { config, dataDir } = yield* root
  return yield* load({
    env: process.env,
    config: Option.getOrUndefined(config),
    flags: { ...flags, dataDir: Option.getOrUndefined(dataDir) }
  })
})

export const settings = settingsWith({})

export const dataDirectory = Effect.flatMap(settings, ({ dataDir }) => dataDirectoryPath(dataDir))
