/** The server-sent event responses that are open, and whether the endpoint is about to stop (BEHAVIOUR 8). */
import { Effect } from "effect"
import type { ServerResponse } from "node:http"
import { reconnectAfter } from "./SseWriter.ts"

export class OpenStreams {
  /** New requests are refused; what runs may end. */
  stopping = false
  readonly #responses = new Set<ServerResponse>()

  get size(): number {
    return this.#responses.size
  }

  /** Counts `response` among the streams for as long as `writing` runs, and ends it afterwards. */
  during(response: ServerResponse, writing: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#responses.add(response)
      return Effect.ensuring(
        Effect.andThen(writing, Effect.sync(() => response.end())),
        Effect.sync(() => this.#responses.delete(response))
      )
    })
  }

  /** Ends them all, and tells clients when to come back. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(this.#responses, OpenStreams.farewell, { discard: true })
  )

  /** Ends one that has begun, and tells its client when to come back. */
  static farewell(response: ServerResponse): Effect.Effect<void> {
    return Effect.sync(() => response.end(`retry: ${reconnectAfter}\n\n`))
  }
}
