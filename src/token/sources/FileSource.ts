/**
 * A file that holds a token and nothing else, such as a mounted secret; read anew whenever it changes.
 *
 * A change is seen however it is made: in place, by a rename over the file, or by swapping a symbolic link on the way to
 * it. A file that is empty, missing or no token is a failure: whoever has a token keeps it.
 */
import { Effect, FileSystem, Option, Redacted, Schedule, Stream } from "effect"
import { basename, dirname } from "node:path"
import { isToken, type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

// Says when a file changed, however that was done: in place, by a rename, by swapping a link on the way to it.

/** How long a change goes unseen at most where the system does not tell of it: a link's target elsewhere, a network disk. */
const poll = "5 seconds"

/** `ofOurs`: only we write it, so only what happens under its own name counts. */
export const of = Effect.fnUntraced(function*(path: string, { ofOurs = false }: { readonly ofOurs?: boolean } = {}) {
  const fs = yield* FileSystem.FileSystem

  /** Follows links, so that it differs when one of them is swapped. */
  const signature = fs.stat(path).pipe(
    Effect.map(({ ino, mtime, size }) =>
      [Option.getOrUndefined(ino), Option.getOrUndefined(mtime)?.getTime(), size].join()
    ),
    Effect.orElseSucceed(() => "absent")
  )

  // The directory and not the file: a rename over the file would leave the watch on the old one.
  const watched = fs.watch(dirname(path)).pipe(
    // The database beside it is written all the time.
    Stream.filter((event) => !ofOurs || basename(event.path) === basename(path)),
    Stream.catch(() => Stream.empty)
  )
  return Stream.merge(watched, Stream.fromSchedule(Schedule.spaced(poll))).pipe(
    Stream.mapEffect(() => signature),
    (later) => Stream.concat(Stream.fromEffect(signature), later),
    Stream.changes,
    Stream.drop(1),
    Stream.map(() => undefined)
  )
})

export const make = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const name = `file:${path}`

  const unreadable = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: true })

  const fetch = fs.readFileString(path).pipe(
    Effect.mapError((error) => unreadable(error.reason._tag, `the token file ${path} cannot be read`)),
    Effect.map((text) => text.trim()),
    Effect.filterOrFail((text) => text !== "", () => unreadable("empty", `the token file ${path} is empty`)),
    Effect.filterOrFail(
      isToken,
      () => unreadable("no token", `the token file ${path} holds something else than a token`)
    ),
    Effect.map((text) => ({
      source: name,
      value: Redacted.make(text),
      expiresAt: Option.none(),
      subject: Option.none()
    }))
  )

  return { name, fetch, changes: yield* of(path) } satisfies TokenSource
})
