import { Effect, FileSystem, Option, Path } from "effect"
import { statfs } from "node:fs/promises"
import { type Check, ok, problem } from "./Check.ts"

const name = "data directory"
/** Below it a day's outage may fill the rest. */
const littleSpace = 100 * 1024 * 1024

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, "0")

/** Whether it is there, closed to others, and has room. Touches nothing. */
export const dataDirectory = Effect.fnUntraced(function*(directory: string): Effect.fn.Return<
  Check,
  never,
  FileSystem.FileSystem | Path.Path
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const found = yield* Effect.option(fs.stat(directory))
  if (Option.isNone(found)) return ok(name, `${directory} is not there yet: the daemon makes it`)
  if (found.value.type !== "Directory") {
    return problem(name, `${directory} is a file`, "move it away, or name another directory with --data-dir")
  }
  const names = yield* Effect.option(fs.readDirectory(directory))
  if (Option.isNone(names)) {
    return problem(name, `${directory} cannot be read by this user`, "run this as the daemon's user")
  }
  const windows = process.platform === "win32"
  const open: Array<string> = windows || (found.value.mode & 0o077) === 0 ? [] : [directory]
  for (const each of windows ? [] : names.value) {
    const file = yield* Effect.option(fs.stat(path.join(directory, each)))
    if (Option.exists(file, ({ mode, type }) => type === "File" && (mode & 0o077) !== 0)) {
      open.push(path.join(directory, each))
    }
  }
  if (open.length > 0) {
    return problem(name, `others may use ${open.join(", ")}`, `chmod go= ${open.join(" ")}, and renew what was in it`)
  }
  const space = yield* Effect.option(Effect.tryPromise(() => statfs(directory)))
  const free = Option.map(space, ({ bavail, bsize }) => bavail * bsize)
  const room = Option.match(free, { onNone: () => "", onSome: (bytes) => `, ${Math.floor(bytes / 2 ** 20)} MiB free` })
  if (Option.exists(free, (bytes) => bytes < littleSpace)) {
    return problem(name, `${directory}${room}`, "free some space: with a full disk calls are refused, not queued")
  }
  return ok(name, `${directory}, ${octal(found.value.mode)}${room}`)
})
