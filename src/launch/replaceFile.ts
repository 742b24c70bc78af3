/** Replaces the content of a file of the user's: whole or not at all, through a link to the file itself, whose mode stays. */
import { Effect, FileSystem, Option, Path } from "effect"

export const replaceFile = Effect.fnUntraced(function*(file: string, content: string | Uint8Array) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(path.dirname(file), { recursive: true })
  const real = yield* Effect.orElseSucceed(fs.realPath(file), () => file)
  const mode = yield* Effect.option(Effect.map(fs.stat(real), (info) => info.mode & 0o777))
  const draft = `${real}.holdfast-${process.pid}`
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  yield* fs.writeFile(draft, bytes, { mode: Option.getOrElse(mode, () => 0o600) })
  yield* fs.rename(draft, real)
})
