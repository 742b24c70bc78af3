/**
 * A directory of our own for the files of credentials: 0700, gone with the scope. What a process left that was killed is
 * taken away by the next one.
 */
import { Effect, FileSystem, Path } from "effect"
import { isAlive } from "../supervision/isAlive.ts"

/** Containers may share a directory for temporary files, and not their process ids: those are told apart. */
const namespace = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const link = yield* Effect.orElseSucceed(fs.readLink("/proc/self/ns/pid"), () => "")
  return /\d+/.exec(link)?.[0] ?? "0"
})

/** Of all that live in the same namespace. */
export const prefix = Effect.map(namespace, (id) => `holdfast-credentials-${id}-`)

export const make = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const ours = yield* prefix
  const directory = yield* Effect.orDie(fs.makeTempDirectoryScoped({ prefix: `${ours}${process.pid}-` }))
  yield* Effect.orDie(fs.chmod(directory, 0o700))

  const parent = path.dirname(directory)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(parent), () => [])
  const left = names.filter((name) => {
    const pid = name.startsWith(ours) ? Number.parseInt(name.slice(ours.length), 10) : Number.NaN
    return Number.isInteger(pid) && !isAlive(pid)
  })
  // Another user's stays, of course.
  yield* Effect.forEach(left, (name) => Effect.ignore(fs.remove(path.join(parent, name), { recursive: true })), {
    discard: true
  })
  return directory
})
