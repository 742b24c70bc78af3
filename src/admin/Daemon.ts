/** The process that answers, once it listens. */
import { Clock, Context, Effect, Layer } from "effect"
import { version } from "../domain/Version.ts"
import { Endpoint } from "../mcp/http/Endpoint.ts"

export class Daemon extends Context.Service<Daemon, {
  readonly version: string
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The endpoint that agents connect to. */
  readonly url: string
}>()("holdfast/admin/Daemon") {
  static readonly layerNoDeps = Layer.effect(
    Daemon,
    Effect.gen(function*() {
      const { url } = yield* Endpoint
      const startedAt = Math.floor(yield* Clock.currentTimeMillis)
      return { version, pid: process.pid, startedAt, url }
    })
  )
}
