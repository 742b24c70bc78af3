/**
 * `endpoint.json` says where the running daemon listens, and which process it is.
 *
 * The file exists from when the daemon is ready until it stops cleanly. A daemon that takes the lock removes what a
 * killed one left.
 */
import { Effect, Option } from "effect"
import { startOf } from "../supervision/HostProcess.ts"
import { DataDirectory } from "./DataDirectory.ts"
import { type Endpoint, fileName as name, parse } from "./Endpoint.ts"

/** `None` where no daemon is ready, or the file cannot be read. */
export const read = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const text = yield* Effect.orElseSucceed(directory.readSecretFile(name), Option.none<string>)
  return Option.flatMap(text, (text) => Option.fromUndefinedOr(parse(text)))
})

/** Announces the endpoint for as long as the scope is open. */
export const announce = Effect.fnUntraced(function*(endpoint: Omit<Endpoint, "processStart">) {
  const directory = yield* DataDirectory
  const processStart = startOf(endpoint.pid)
  const text = JSON.stringify(processStart === undefined ? endpoint : { ...endpoint, processStart })
  yield* Effect.acquireRelease(
    directory.writeAtomically(name, `${text}\n`),
    () => Effect.ignore(directory.remove(name))
  )
})

export const removeStale = Effect.flatMap(DataDirectory, (directory) => directory.remove(name))
