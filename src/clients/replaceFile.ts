/** Replaces the content of a file of the user's: whole or not at all, through a link to the file itself, whose mode stays. */
import { Effect, FileSystem, Option, Path } from "effect"
import { randomBytes } from "node:crypto"

/** `mode` of a file that is new. */
export const replaceFile = Effect.fnUntraced(function*(file: string, content: string | Uint8Array, mode = 0o600) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(path.dirname(file), { recursive: true })
  const real = yield* Effect.orElseSucceed(fs.realPath(file), () => file)
  const present = yield* Effect.option(Effect.map(fs.stat(real), (info) => info.mode & 0o777))
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  const draft = `${real}.${randomBytes(9).toString("base64url")}.holdfast`
  // Exclusively: a file or a link that somebody put there is not written to.
  yield* fs.open(draft, { flag: "wx", mode: 0o600 }).pipe(
    Effect.flatMap((handle) => Effect.andThen(handle.writeAll(bytes), handle.sync)),
    Effect.scoped,
    Effect.andThen(fs.chmod(draft, Option.getOrElse(present, () => mode))),
    Effect.andThen(fs.rename(draft, real)),
    Effect.onError(() => Effect.ignore(fs.remove(draft)))
  )
})
