/**
 * A directory of our own for the files of credentials: 0700, gone with the scope. What a process left that was killed is
 * taken away by the next one.
 */
import { Context, Effect, FileSystem, Option, Path } from "effect"
import { isAlive } from "../supervision/isAlive.ts"

/** Containers may share a directory for temporary files, and not their process ids: those are told apart. */
const namespace = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const link = yield* Effect.orElseSucceed(fs.readLink("/proc/self/ns/pid"), () => "")
  return /\d+/.exec(link)?.[0] ?? "0"
})

/** Of all that live in the same namespace. */
export const prefix = Effect.map(namespace, (id) => `holdfast-credentials-${id}-`)

/**
 * Where the files lie that are retained across turns, for a program whose turn is its whole life: they outlive it there,
 * and the next one writes the same files. Without one they go with the rest.
 */
export const Retained = Context.Reference<Option.Option<string>>("holdfast/credentials/Retained", {
  defaultValue: () => Option.none()
})

/** The retained ones' own, or `otherwise`. */
export const retained = Effect.fnUntraced(function*(otherwise: string) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Retained
  if (Option.isNone(directory)) return otherwise
  yield* Effect.orDie(fs.makeDirectory(directory.value, { recursive: true, mode: 0o700 }))
  yield* Effect.orDie(fs.chmod(directory.value, 0o700))
  return directory.value
})

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
