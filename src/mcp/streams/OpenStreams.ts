/** The streams to agents that are open, of all relays, and whether the endpoint is about to stop (BEHAVIOUR 8). */
import { Context, Duration, Effect, Layer } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { reconnectAfter } from "./Connection.ts"
import { EventStream, type EventStreamOptions } from "./EventStream.ts"

/** The last line of a stream that Holdfast ends: when its client is to come back. */
export const comeBack = `retry: ${reconnectAfter}\n\n`

type Opening = Omit<EventStreamOptions, "deadlines" | "commentAfter"> & {
  /** A stream of a session gets its comments less often than one that answers a request. */
  readonly answers: boolean
}

export class OpenStreams extends Context.Service<OpenStreams, {
  readonly open: (options: Opening) => EventStream
  /** Ends them all, and tells clients when to come back. */
  readonly closeAll: () => void
}>()("holdfast/mcp/OpenStreams") {
  static readonly layer = Layer.effect(
    OpenStreams,
    Effect.gen(function*() {
      const { streams } = yield* Settings
      const deadlines = yield* Deadlines
      const answerComment = Duration.toMillis(streams.answerComment)
      const sessionComment = Duration.toMillis(streams.comment)
      const open = new Set<EventStream>()
      yield* Metrics.observed(Metrics.streams, {}, () => open.size)

      return OpenStreams.of({
        open: ({ answers, onEnd, ...options }) => {
          const stream: EventStream = new EventStream({
            ...options,
            deadlines,
            commentAfter: answers ? answerComment : sessionComment,
            onEnd: () => {
              open.delete(stream)
              onEnd()
            }
          })
          open.add(stream)
          stream.begin()
          return stream
        },
        closeAll: () => {
          for (const stream of open) stream.close(comeBack)
        }
      })
    })
  )
}
