import { Effect, Option, Result } from "effect"
import type { BadConfiguration } from "../../config/BadConfiguration.ts"
import * as ConfigFile from "../../config/ConfigFile.ts"
import { relayTargets, type SettingsValues } from "../../config/Settings.ts"
import { root } from "../root.ts"
import { ok, problem } from "./Check.ts"

/** Whether flags, environment and file can be read, and what they come to. */
export const configuration = Effect.fnUntraced(function*(loaded: Result.Result<SettingsValues, BadConfiguration>) {
  if (Result.isFailure(loaded)) {
    return problem("configuration", loaded.failure.issues.join("; "), "mend what it names; \"holdfast config check\"")
  }
  const { config } = yield* root
  const file = yield* ConfigFile.locate(process.env, Option.getOrUndefined(config))
  const from = Option.getOrElse(file, () => "no file: flags, environment and defaults")
  const relays = relayTargets(loaded.success).map(({ id }) => id)
  const which = relays.length === 0 ? "no relay (an embedded one, or \"serve --relay\")" : `relays ${relays.join(", ")}`
  return ok("configuration", `${from}; ${which}`)
})
