/** Which git configuration is meant: the user's, or the repository's. */
import { Effect, FileSystem, Path } from "effect"
import { Flag } from "effect/cli"
import { git } from "../../credentials/Git.ts"
import { CommandFailed } from "../Failures.ts"

export const repositoryFlag = Flag.Boolean("repository").pipe(
  Flag.withDescription("In the configuration of this repository, not in the user's"),
  Flag.withDefault(false)
)

/** The file that `git config --global` would write, or `--local`. */
export const gitConfigFile = Effect.fnUntraced(function*(repository: boolean) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (repository) {
    const found = yield* Effect.mapError(
      git("rev-parse", "--git-path", "config"),
      () => new CommandFailed({ message: "this is no git repository: run it in one, or without --repository" })
    )
    return path.resolve(found.trim())
  }
  const { GIT_CONFIG_GLOBAL, HOME, XDG_CONFIG_HOME } = process.env
  if (GIT_CONFIG_GLOBAL) return path.resolve(GIT_CONFIG_GLOBAL)
  if (!HOME) return yield* new CommandFailed({ message: "HOME is not set, so there is no user's git configuration" })
  const own = path.join(HOME, ".gitconfig")
  const other = path.join(XDG_CONFIG_HOME || path.join(HOME, ".config"), "git", "config")
  return !(yield* fs.exists(own)) && (yield* fs.exists(other)) ? other : own
})
