/** Says when a file changed, however that was done: in place, by a rename, by swapping a link on the way to it. */
import { Effect, FileSystem, Option, Schedule, Stream } from "effect"
import { dirname } from "node:path"

/** How long a change goes unseen at most where the system does not tell of it: a link's target elsewhere, a network disk. */
const poll = "5 seconds"

export const of = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem

  /** Follows links, so that it differs when one of them is swapped. */
  const signature = fs.stat(path).pipe(
    Effect.map(({ ino, mtime, size }) =>
      [Option.getOrUndefined(ino), Option.getOrUndefined(mtime)?.getTime(), size].join()
    ),
    Effect.orElseSucceed(() => "absent")
  )

  // The directory and not the file: a rename over the file would leave the watch on the old one.
  const watched = fs.watch(dirname(path)).pipe(Stream.catch(() => Stream.empty))
  return Stream.merge(watched, Stream.fromSchedule(Schedule.spaced(poll))).pipe(
    Stream.mapEffect(() => signature),
    (later) => Stream.concat(Stream.fromEffect(signature), later),
    Stream.changes,
    Stream.drop(1),
    Stream.map(() => undefined)
  )
})
