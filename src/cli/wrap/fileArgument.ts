import { Effect, FileSystem, Path } from "effect"
import { Argument } from "effect/cli"
import { CommandFailed } from "../Failures.ts"

export const fileArgument = Argument.String("file").pipe(
  Argument.withDescription("Claude Code's .mcp.json, Codex's config.toml, Cursor's or VS Code's mcp.json")
)

/** The file itself, also where it is named by a link. */
export const realFile = Effect.fnUntraced(function*(named: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* Effect.mapError(
    fs.realPath(path.resolve(named)),
    () => new CommandFailed({ message: `there is no file ${named}` })
  )
})
