/** Whether git tracks a file, so that a commit would carry what we write into it to others. */
import { Effect, Path } from "effect"
import { succeeds } from "../../context/Git.ts"

const timeout = "5 seconds"

/** Asks without running anything that the repository names. No where git is missing, or does not answer in 5 s. */
export const isTracked = Effect.fnUntraced(function*(file: string) {
  const path = yield* Path.Path
  const question = ["--literal-pathspecs", "-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--"]
  return yield* succeeds(path.dirname(file), ...question, path.basename(file)).pipe(
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(false) })
  )
})
