/**
 * `endpoint.json` says where the running daemon listens, and which process it is.
 *
 * The file exists from when the daemon is ready until it stops cleanly. A daemon that takes the lock removes what a
 * killed one left.
 */
import { Effect, Option, Schema } from "effect"
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { startOf } from "../supervision/HostProcess.ts"
import { DataDirectory } from "./DataDirectory.ts"

const name = "endpoint.json"

export const Endpoint = Schema.Struct({
  /** The MCP endpoint. */
  url: Schema.String,
  port: Schema.Int,
  pid: Schema.Int,
  /** When the daemon was ready to be asked: milliseconds since the epoch. */
  startedAt: Schema.Int,
  /** When its process began: clock ticks since the boot. Only Linux tells, and older versions did not write it. */
  processStart: Schema.optionalKey(Schema.Int)
})
export type Endpoint = typeof Endpoint.Type

const Text = Schema.fromJsonString(Endpoint)

/** `None` where no daemon is ready, or the file cannot be read. */
export const read = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const text = yield* Effect.orElseSucceed(directory.readSecretFile(name), Option.none<string>)
  return Option.flatMap(text, Schema.decodeOption(Text))
})

/** For a command, which has no `DataDirectory`: the file's text and its owner. `undefined` where it cannot be read. */
export const readAt = (dataDir: string): { readonly endpoint: Endpoint; readonly owner: number } | undefined => {
  try {
    const handle = openSync(join(dataDir, name), "r")
    try {
      const endpoint = Option.getOrUndefined(Schema.decodeOption(Text)(readFileSync(handle, "utf8")))
      return endpoint === undefined ? undefined : { endpoint, owner: fstatSync(handle).uid }
    } finally {
      closeSync(handle)
    }
  } catch {
    return undefined
  }
}

/** Announces the endpoint for as long as the scope is open. */
export const announce = Effect.fnUntraced(function*(endpoint: Omit<Endpoint, "processStart">) {
  const directory = yield* DataDirectory
  const processStart = startOf(endpoint.pid)
  const text = yield* Effect.orDie(
    Schema.encodeEffect(Text)(processStart === undefined ? endpoint : { ...endpoint, processStart })
  )
  yield* Effect.acquireRelease(
    directory.writeAtomically(name, `${text}\n`),
    () => Effect.ignore(directory.remove(name))
  )
})

export const removeStale = Effect.flatMap(DataDirectory, (directory) => directory.remove(name))
