import { Effect, FileSystem, Option, Path } from "effect"
import { Argument } from "effect/cli"
import { succeeds } from "../../context/Git.ts"
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

// Whether git tracks a file, so that a commit would carry what we write into it to others.

const timeout = "5 seconds"

/** Asks without running anything that the repository names. No where git is missing, or does not answer in 5 s. */
export const isTracked = Effect.fnUntraced(function*(file: string) {
  const path = yield* Path.Path
  const question = ["--literal-pathspecs", "ls-files", "--error-unmatch", "--"]
  return yield* succeeds(path.dirname(file), ...question, path.basename(file)).pipe(
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(false) })
  )
})
