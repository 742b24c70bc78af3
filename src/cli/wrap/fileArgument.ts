import { Effect, FileSystem, Option, Path } from "effect"
import { Argument } from "effect/cli"
import * as UserFile from "../../storage/UserFile.ts"
import { CommandFailed } from "../Failures.ts"

export const fileArgument = Argument.String("file").pipe(
  Argument.withDescription("Claude Code's .mcp.json, Codex's config.toml, Cursor's or VS Code's mcp.json")
)

/** Its path, through links of directories; a link in the place of the file is for `UserFile` to refuse. */
export const realFile = Effect.fnUntraced(function*(named: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.resolve(named)
  return yield* fs.realPath(path.dirname(file)).pipe(
    Effect.map((directory) => path.join(directory, path.basename(file))),
    Effect.mapError(() => noFile(named))
  )
})

/** The bytes that are there. */
export const contentOf = (file: string) =>
  Effect.flatMap(
    UserFile.read(file),
    Option.match({ onNone: () => Effect.fail(noFile(file)), onSome: Effect.succeed })
  )

const noFile = (named: string) => new CommandFailed({ message: `there is no file ${named}` })
