/** The settings in force for this invocation: flags over environment over file over defaults. */
import { Effect, Layer, Option } from "effect"
import { variableOf } from "../config/Environment.ts"
import { load, type Sources } from "../config/Load.ts"
import { Settings, type SettingsValues } from "../config/Settings.ts"
import * as Logging from "../observability/Logging.ts"
import { dataDirectoryPath } from "../storage/DataDirectory.ts"
import { root } from "./root.ts"

/** With flags that only some commands take. */
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

/** Where the settings are not valid, as far as flag and variable say: what was changed can always be taken back. */
export const dataDirectoryAtLeast = dataDirectory.pipe(
  Effect.catchTag(
    "BadConfiguration",
    () =>
      Effect.flatMap(
        root,
        ({ dataDir }) =>
          dataDirectoryPath(Option.getOrUndefined(dataDir) ?? (process.env[variableOf(["dataDir"])] || undefined))
      )
  )
)

/**
 * For commands that only ask the daemon or end it: a mistake in the file keeps none from that, where flag or variable
 * names the directory. Without them the file might, so nothing is guessed.
 */
export const daemonDirectory = dataDirectory.pipe(
  Effect.catchTag("BadConfiguration", (error) =>
    Effect.flatMap(root, ({ dataDir }) => {
      const given = Option.getOrUndefined(dataDir) ?? (process.env[variableOf(["dataDir"])] || undefined)
      return given === undefined ? Effect.fail(error) : dataDirectoryPath(given)
    }))
)

/** Logs as the settings say, for commands that stay in the foreground. */
export const logging = (settings: SettingsValues) =>
  Logging.layer.pipe(Layer.provide(Layer.succeed(Settings, settings)))
