/**
 * The directory of all that Holdfast stores: the database, its lock, the secrets, the endpoint's address.
 *
 * The directory has mode 0700 and each file 0600 before anything is written. Files other than the databases are
 * replaced whole: after a crash at any instant there is the old text or the new one.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { Config, Context, Effect, FileSystem, Layer, Option, type PlatformError, Schema, Semaphore } from "effect"
import { homedir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { Settings } from "../config/Settings.ts"
import { faultOf, StorageFault } from "./StorageFault.ts"

export class DataDirectoryUnusable extends Schema.TaggedError<DataDirectoryUnusable>()("DataDirectoryUnusable", {
  directory: Schema.String,
  reason: Schema.Union([StorageFault, Schema.Literals(["not a directory", "not ours", "shared"])]),
  detail: Schema.String
}) {
  override get message(): string {
    return `the data directory ${this.directory} cannot be used: ${remedies[this.reason] ?? this.detail}`
  }
}

const elsewhere = "or name another directory with --data-dir"
const remedies: Readonly<Record<string, string>> = {
  full: `the disk is full: free some space, ${elsewhere}`,
  "read-only": `it is on a read-only disk: mount it writable, ${elsewhere}`,
  denied: `this user may not write there: change its owner or mode, ${elsewhere}`,
  "not a directory": `there is a file of that name: move it away, ${elsewhere}`,
  "not ours": `it belongs to another user: run Holdfast as its owner, ${elsewhere}`,
  shared: `other users may read it and it holds other things than Holdfast's: name an empty one with --data-dir, `
    + "or close it with chmod 700"
}

/** Files that Holdfast recognizes as its own. A directory of these that others may read is closed to them. */
const ours = ["holdfast.db", "lock.db", "agent-secret"]

/**
 * Gives the path of the data: the given one, else `$XDG_STATE_HOME/holdfast`, else `~/.local/state/holdfast`. Touches
 * nothing.
 */
export const dataDirectoryPath = Effect.fnUntraced(function*(given: string | undefined) {
  if (given !== undefined) return resolve(given)
  const state = yield* Config.NonEmptyString("XDG_STATE_HOME").pipe(Config.option, Effect.orElseSucceed(Option.none))
  return join(Option.getOrElse(state, () => join(homedir(), ".local", "state")), "holdfast")
})

const unusable = (directory: string) => (error: PlatformError.PlatformError) =>
  new DataDirectoryUnusable({ directory, reason: faultOf(error), detail: error.message })

/** Makes the parents one by one: on a read-only disk Node's recursive `mkdir` reports "not found". */
const create = (fs: FileSystem.FileSystem, directory: string): Effect.Effect<void, PlatformError.PlatformError> => {
  const make = Effect.catchIf(
    fs.makeDirectory(directory, { mode: 0o700 }),
    (error) => error.reason._tag === "AlreadyExists",
    () => Effect.void
  )
  return Effect.catchIf(
    make,
    (error) => error.reason._tag === "NotFound" && dirname(directory) !== directory,
    () => Effect.andThen(create(fs, dirname(directory)), make)
  )
}

/** Creates the directory, or closes our own one to others. Refuses every other directory. */
const claim = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, directory: string) {
  const unusable = (reason: DataDirectoryUnusable["reason"]) =>
    new DataDirectoryUnusable({ directory, reason, detail: reason })
  const found = yield* Effect.option(fs.stat(directory))
  if (Option.isNone(found)) return yield* create(fs, directory)
  if (found.value.type !== "Directory") return yield* unusable("not a directory")

  const uid = process.getuid?.()
  // Root may use the directory of another user: that is how containers mount one.
  if (uid !== undefined && uid !== 0 && Option.getOrElse(found.value.uid, () => uid) !== uid) {
    return yield* unusable("not ours")
  }
  if (uid === undefined || (found.value.mode & 0o077) === 0) return
  const names = yield* fs.readDirectory(directory)
  if (names.length > 0 && !names.some((name) => ours.includes(name))) return yield* unusable("shared")
  yield* fs.chmod(directory, 0o700)
})

export class DataDirectory extends Context.Service<DataDirectory, {
  readonly path: string
  /** The path of a file in it. */
  readonly file: (name: string) => string
  /** Reads a file without its last line break; `None` where it is missing or empty. */
  readonly readSecretFile: (name: string) => Effect.Effect<Option.Option<string>, DataDirectoryUnusable>
  /** The file is on disk under its name, 0600, when this returns; a half-written one is never there. */
  readonly writeAtomically: (name: string, text: string) => Effect.Effect<void, DataDirectoryUnusable>
  /** Creates an empty file. A file that exists is closed to others without being opened, so that its locks stay. */
  readonly create: (name: string) => Effect.Effect<void, DataDirectoryUnusable>
  readonly remove: (name: string) => Effect.Effect<void, DataDirectoryUnusable>
}>()("holdfast/storage/DataDirectory") {
  /** For the daemon: claims the directory. A full or read-only disk fails here, not at the first write. */
  static readonly layerNoDeps = (given: string | undefined) =>
    Layer.effect(
      DataDirectory,
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* dataDirectoryPath(given)
        yield* claim(fs, path).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(unusable(path)(error))))
        const directory = yield* make(fs, path)
        // Of this process alone: two that start at once would take each other's away.
        const probe = `writable-${process.pid}`
        // A full disk still takes an empty file.
        yield* directory.writeAtomically(probe, "x".repeat(4096))
        yield* directory.remove(probe)
        return directory
      })
    )

  static readonly layerAt = (given: string | undefined) =>
    DataDirectory.layerNoDeps(given).pipe(Layer.provide(NodeFileSystem.layer))

  static readonly layer = Layer.unwrap(Effect.map(Settings, (settings) => DataDirectory.layerAt(settings.dataDir)))

  /** For commands that read what a daemon wrote: creates and changes nothing. */
  static readonly layerReading = (given: string | undefined) =>
    Layer.effect(
      DataDirectory,
      Effect.gen(function*() {
        return yield* make(yield* FileSystem.FileSystem, yield* dataDirectoryPath(given))
      })
    ).pipe(Layer.provide(NodeFileSystem.layer))
}

const make = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, path: string) {
  const file = (name: string) => join(path, name)
  const failing = Effect.mapError(unusable(path))
  const writing = yield* Semaphore.make(1)

  const syncDirectory = fs.open(path, { flag: "r" }).pipe(
    Effect.flatMap((handle) => handle.sync),
    Effect.scoped,
    // Windows cannot sync a directory, and does not need to.
    Effect.ignore
  )

  const writeAtomically = Effect.fn("DataDirectory.writeAtomically")(
    function*(name: string, text: string) {
      const draft = file(`.${name}.new`)
      yield* fs.open(draft, { flag: "w", mode: 0o600 }).pipe(
        Effect.flatMap((handle) => Effect.andThen(handle.writeAll(new TextEncoder().encode(text)), handle.sync)),
        Effect.scoped,
        Effect.andThen(fs.rename(draft, file(name))),
        Effect.onError(() => Effect.ignore(fs.remove(draft)))
      )
      yield* syncDirectory
    },
    failing,
    // Each name has one draft at a time: a crash leaves one draft, and the next write replaces it.
    writing.withPermit
  )

  return DataDirectory.of({
    path,
    file,
    readSecretFile: (name) =>
      fs.readFileString(file(name)).pipe(
        Effect.map((text) => Option.liftPredicate(text.trim(), (secret) => secret !== "")),
        Effect.catchIf((error) => error.reason._tag === "NotFound", () => Effect.succeedNone),
        failing
      ),
    writeAtomically,
    create: (name) =>
      fs.open(file(name), { flag: "wx", mode: 0o600 }).pipe(
        Effect.scoped,
        Effect.asVoid,
        Effect.catchIf((error) => error.reason._tag === "AlreadyExists", () => fs.chmod(file(name), 0o600)),
        failing
      ),
    remove: (name) => failing(fs.remove(file(name), { force: true }))
  })
})
