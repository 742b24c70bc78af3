/**
 * `endpoint.json` says where the running daemon listens, and its process id.
 *
 * The file exists from when the daemon is ready until it stops cleanly. A daemon that takes the lock removes what a
 * killed one left.
 */
import { Effect, Option, Schema } from "effect"
import { DataDirectory } from "./DataDirectory.ts"

const name = "endpoint.json"

export const Endpoint = Schema.Struct({
  /** The MCP endpoint. */
  url: Schema.String,
  port: Schema.Int,
  pid: Schema.Int,
  /** Milliseconds since the epoch. */
  startedAt: Schema.Int
})
export type Endpoint = typeof Endpoint.Type

const Text = Schema.fromJsonString(Endpoint)

/** `None` where no daemon is ready, or the file cannot be read. */
export const read = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const text = yield* Effect.orElseSucceed(directory.readSecretFile(name), Option.none<string>)
  return Option.flatMap(text, Schema.decodeOption(Text))
})

/** Announces the endpoint for as long as the scope is open. */
export const announce = Effect.fnUntraced(function*(endpoint: Endpoint) {
  const directory = yield* DataDirectory
  const text = yield* Effect.orDie(Schema.encodeEffect(Text)(endpoint))
  yield* Effect.acquireRelease(
    directory.writeAtomically(name, `${text}\n`),
    () => Effect.ignore(directory.remove(name))
  )
})

export const removeStale = Effect.flatMap(DataDirectory, (directory) => directory.remove(name))
