/**
 * `endpoint.json` says where the running daemon listens, and which process it is.
 *
 * The file exists from when the daemon is ready until it stops cleanly. A daemon that takes the lock removes what a
 * killed one left, unless both have the same supervisor: then the file says until the daemon is ready who starts it.
 */
import { Effect, Option } from "effect"
import { startOf } from "../supervision/HostProcess.ts"
import { PortHolder } from "../supervision/PortHolder.ts"
import { DataDirectory } from "./DataDirectory.ts"
import { type Endpoint, fileName as name, parse } from "./Endpoint.ts"

/** `None` where no daemon is ready, or the file cannot be read. */
export const read = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const text = yield* Effect.orElseSucceed(directory.readSecretFile(name), Option.none<string>)
  return Option.flatMap(text, (text) => Option.fromUndefinedOr(parse(text)))
})

const startedAt = (pid: number) => {
  const processStart = startOf(pid)
  return processStart === undefined ? {} : { processStart }
}

/** Announces the endpoint for as long as the scope is open. */
export const announce = Effect.fnUntraced(function*(endpoint: Omit<Endpoint, "processStart" | "supervisor">) {
  const directory = yield* DataDirectory
  const { supervisor } = yield* PortHolder
  const text = JSON.stringify({
    ...endpoint,
    ...startedAt(endpoint.pid),
    ...Option.match(supervisor, {
      onNone: () => ({}),
      onSome: ({ pid }) => ({ supervisor: { pid, ...startedAt(pid) } })
    })
  })
  yield* Effect.acquireRelease(
    directory.writeAtomically(name, `${text}\n`),
    () => Effect.ignore(directory.remove(name))
  )
})

export const removeStale = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const own = Option.map((yield* PortHolder).supervisor, ({ pid }) => pid)
  const left = Option.flatMapNullishOr(yield* read, ({ supervisor }) => supervisor)
  if (Option.exists(left, ({ pid }) => Option.contains(own, pid))) return
  yield* directory.remove(name)
})
