/** The log as it is configured, for what stays in the foreground. */
import { Layer } from "effect"
import { Settings, type SettingsValues } from "../config/Settings.ts"
import * as Logging from "../observability/Logging.ts"

export const logging = (settings: SettingsValues) =>
  Logging.layer.pipe(Layer.provide(Layer.succeed(Settings, settings)))
