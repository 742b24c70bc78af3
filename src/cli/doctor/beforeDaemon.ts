/** What is to be seen of an installation before a daemon answers: its configuration, its data directory, its port. */
import { Effect, FileSystem, Option, Path, Result } from "effect"
import { statfs } from "node:fs/promises"
import { connect } from "node:net"
import { shellWord } from "../../clients/ClientEntry.ts"
import type { BadConfiguration } from "../../config/BadConfiguration.ts"
import * as ConfigFile from "../../config/ConfigFile.ts"
import { relayTargets, type SettingsValues } from "../../config/Settings.ts"
import { root } from "../root.ts"
import { type Check, ok, problem } from "./Check.ts"

/** Whether flags, environment and file can be read, and what they come to. */
export const configuration = Effect.fnUntraced(function*(loaded: Result.Result<SettingsValues, BadConfiguration>) {
  if (Result.isFailure(loaded)) {
    return problem("configuration", loaded.failure.issues.join("; "), "mend what it names; \"holdfast config check\"")
  }
  const { config } = yield* root
  const file = yield* ConfigFile.locate(process.env, Option.getOrUndefined(config))
  const from = Option.getOrElse(file, () => "no file: flags, environment and defaults")
  const relays = relayTargets(loaded.success).map(({ id }) => id)
  const which = relays.length === 0 ? "no relay (an embedded one, or \"serve --relay\")" : `relays ${relays.join(", ")}`
  return ok("configuration", `${from}; ${which}`)
})

const directoryName = "data directory"
/** Below it a day's outage may fill the rest. */
const littleSpace = 100 * 1024 * 1024

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, "0")

/** Whether the daemon can make it: in the nearest place above it that is there. */
const missingDirectory = Effect.fnUntraced(function*(directory: string): Effect.fn.Return<
  Check,
  never,
  FileSystem.FileSystem | Path.Path
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  let above = path.dirname(directory)
  let found = yield* Effect.option(fs.stat(above))
  while (Option.isNone(found) && path.dirname(above) !== above) {
    above = path.dirname(above)
    found = yield* Effect.option(fs.stat(above))
  }
  const another = "or name another directory with --data-dir"
  if (Option.exists(found, ({ type }) => type !== "Directory")) {
    return problem(directoryName, `${directory} cannot be made: ${above} is a file`, `move it away, ${another}`)
  }
  if (Option.isNone(yield* Effect.option(fs.access(above, { writable: true })))) {
    const remedy = `change the owner or mode of ${above}, ${another}`
    return problem(directoryName, `${directory} cannot be made: this user may not write to ${above}`, remedy)
  }
  return ok(directoryName, `${directory} is not there yet: the daemon makes it`)
})

/** Whether it is there, closed to others, and has room. Touches nothing. */
export const dataDirectory = Effect.fnUntraced(function*(directory: string): Effect.fn.Return<
  Check,
  never,
  FileSystem.FileSystem | Path.Path
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const found = yield* Effect.option(fs.stat(directory))
  if (Option.isNone(found)) return yield* missingDirectory(directory)
  if (found.value.type !== "Directory") {
    return problem(directoryName, `${directory} is a file`, "move it away, or name another directory with --data-dir")
  }
  const names = yield* Effect.option(fs.readDirectory(directory))
  if (Option.isNone(names)) {
    return problem(directoryName, `${directory} cannot be read by this user`, "run this as the daemon's user")
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
    return problem(
      directoryName,
      `others may use ${open.join(", ")}`,
      `chmod go= ${open.map(shellWord).join(" ")}, and renew what was in it`
    )
  }
  const space = yield* Effect.option(Effect.tryPromise(() => statfs(directory)))
  const free = Option.map(space, ({ bavail, bsize }) => bavail * bsize)
  const room = Option.match(free, { onNone: () => "", onSome: (bytes) => `, ${Math.floor(bytes / 2 ** 20)} MiB free` })
  if (Option.exists(free, (bytes) => bytes < littleSpace)) {
    return problem(
      directoryName,
      `${directory}${room}`,
      "free some space: with a full disk calls are refused, not queued"
    )
  }
  return ok(directoryName, `${directory}, ${octal(found.value.mode)}${room}`)
})

const portName = "endpoint"
const timeout = 1000

/** Where no daemon runs: whether another program has the port that one would take. */
export const port = ({ listen: { host, port } }: SettingsValues): Effect.Effect<Check> => {
  if (port === 0) return Effect.succeed(ok(portName, "the daemon picks a port at its start"))
  const place = `${host}:${port}`
  return Effect.callback<Check>((resume) => {
    const socket = connect({ host, port, timeout })
    const free = () => resume(Effect.succeed(ok(portName, `${place} is free for a daemon`)))
    socket.once("error", free).once("timeout", free).once("connect", () =>
      resume(Effect.succeed(
        problem(portName, `another program has ${place}`, "stop that one, or choose another with --port or listen.port")
      )))
    return Effect.sync(() => socket.destroy())
  })
}
