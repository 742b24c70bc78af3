/** The framework's own flags: logging is configured by `log.level`, for all commands alike, so that flag is left out. */
import { CliConfig, GlobalFlag } from "effect/cli"

export const builtIns = CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
