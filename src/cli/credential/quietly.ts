/**
 * A helper that git waits for: it is done within 5 s of its start, and whatever goes wrong it ends well and without a
 * word, so that git goes on to the next helper.
 */
import { Cause, Effect, type FileSystem, Layer, type Path } from "effect"
import { dataDirectory } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { explain } from "./explain.ts"

const patience = 4800
const least = 500

/** Of the patience, what this process has left. */
const left = Effect.sync(() => Math.max(patience - performance.now(), least))

const daemon = Layer.unwrap(Effect.map(dataDirectory, DaemonClient.layer))

export const quietly = <A, E, R>(helper: Effect.Effect<A, E, R | DaemonClient | FileSystem.FileSystem | Path.Path>) =>
  Effect.gen(function*() {
    const done = yield* helper.pipe(Effect.provide(daemon), Effect.timeoutOption(yield* left))
    if (done._tag === "None") yield* explain("no answer in time; git goes on without us")
  }).pipe(
    Effect.catchCause((cause) => explain(`nothing to say: ${Cause.prettyErrors(cause).map(({ message }) => message)}`))
  )
