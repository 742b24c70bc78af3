/**
 * A file that holds a token and nothing else, such as a mounted secret; read anew whenever it changes.
 *
 * A change is seen however it is made: in place, by a rename over the file, or by swapping a symbolic link on the way to
 * it. An empty or missing file is a failure: whoever has a token keeps it.
 */
import { Effect, FileSystem, Option, Redacted } from "effect"
import * as FileChanges from "./FileChanges.ts"
import { type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

export const make = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const name = `file:${path}`

  const unreadable = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: true })

  const fetch = fs.readFileString(path).pipe(
    Effect.mapError((error) => unreadable(error.reason._tag, `the token file ${path} cannot be read`)),
    Effect.map((text) => text.trim()),
    Effect.filterOrFail((text) => text !== "", () => unreadable("empty", `the token file ${path} is empty`)),
    Effect.map((text) => ({
      source: name,
      value: Redacted.make(text),
      expiresAt: Option.none(),
      subject: Option.none()
    }))
  )

  return { name, fetch, changes: yield* FileChanges.of(path) } satisfies TokenSource
})
