/**
 * A directory of our own for the files of credentials: 0700, gone with the scope. What a process left that was killed is
 * taken away by the daemon, or by the next such process.
 *
 * It lies where only this user can make files, never in a directory for everybody's temporary ones: a neighbour could put
 * a link in the way of what is written or removed there.
 */
import { Config, Context, Effect, FileSystem, Layer, Option, Path, Schedule } from "effect"
import { lstatSync } from "node:fs"
import { Settings } from "../config/Settings.ts"
import { dataDirectoryPath } from "../storage/DataDirectory.ts"
import { stateOf } from "../supervision/HostProcess.ts"
import { Supervisor } from "../supervision/Supervisor.ts"

/** Containers may share such a directory, and not their process ids: those are told apart. */
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

/** A directory itself, no link to one; of this user, and closed to all others. */
const isOurs = (directory: string): boolean => {
  const info = lstatSync(directory, { throwIfNoEntry: false })
  if (info === undefined || !info.isDirectory()) return false
  const user = process.getuid?.()
  return user === undefined || (info.uid === user && (info.mode & 0o077) === 0)
}

/** The user's runtime directory, which is gone with the session; none where others can write there. */
const runtimeDirectory = Effect.map(
  Effect.option(Config.NonEmptyString("XDG_RUNTIME_DIR")),
  Option.filter(isOurs)
)

/** The one in the data directory. */
const ownDirectory = Effect.gen(function*() {
  const path = yield* Path.Path
  const { dataDir } = yield* Settings
  return path.join(yield* dataDirectoryPath(dataDir), "handed")
})

/** The runtime directory; without one, a directory in the data directory. */
export const parent = Effect.gen(function*() {
  const runtime = yield* runtimeDirectory
  if (Option.isSome(runtime)) return runtime.value
  const fs = yield* FileSystem.FileSystem
  const own = yield* ownDirectory
  yield* Effect.orDie(fs.makeDirectory(own, { recursive: true, mode: 0o700 }))
  return isOurs(own) ? own : yield* Effect.die(new Error(`${own} is no directory of this user's alone`))
})

/** Takes away what was left there by processes of this namespace that are gone. */
const sweep = Effect.fnUntraced(function*(shared: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const ours = yield* prefix
  const names = yield* Effect.orElseSucceed(fs.readDirectory(shared), () => [])
  const left = names.filter((name) => {
    const pid = name.startsWith(ours) ? Number.parseInt(name.slice(ours.length), 10) : Number.NaN
    return Number.isInteger(pid) && stateOf(pid) !== "ours" && isOurs(path.join(shared, name))
  })
  yield* Effect.forEach(left, (name) => Effect.ignore(fs.remove(path.join(shared, name), { recursive: true })), {
    discard: true
  })
})

export const make = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const shared = yield* parent
  const directory = yield* Effect.orDie(
    fs.makeTempDirectoryScoped({ directory: shared, prefix: `${yield* prefix}${process.pid}-` })
  )
  yield* sweep(shared)
  return directory
})

const sweepEvery = "5 seconds"

/** The daemon's part, at its start and then all the time, where any credential is handed over. */
export const layerSweeper = Layer.effectDiscard(Effect.gen(function*() {
  const { credentials } = yield* Settings
  if (!Object.values(credentials).some(({ handOver }) => handOver !== undefined)) return
  const { supervise } = yield* Supervisor
  const places = [...Option.toArray(yield* runtimeDirectory), yield* ownDirectory]
  const sweepAll = Effect.forEach(places, sweep, { discard: true })
  yield* supervise("credential-files")(Effect.repeat(sweepAll, Schedule.spaced(sweepEvery)))
}))
