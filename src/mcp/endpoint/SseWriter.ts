/** Writes a stream's events to a connection as they come, and comments while none do (BEHAVIOUR 1, 2). */
import { type Duration, Effect, Option } from "effect"
import * as SseEvent from "../../domain/SseEvent.ts"
import type { EventReader, LoggedEvent } from "../streams/EventLog.ts"

export interface Sink {
  /** Returns when the connection takes more; never, once it has closed. */
  readonly write: (text: string | Uint8Array) => Effect.Effect<void>
}

/** How long a client should wait before it connects again, in milliseconds. */
export const reconnectAfter = 1000

const encoded = ({ data, event, id }: LoggedEvent): string =>
  SseEvent.encode(data === "" ? { event, id, data, retry: reconnectAfter } : { event, id, data })

/** Returns at the stream's end. Reads no further than the connection takes; one comment after each silent `interval`. */
export const writeEvents = Effect.fnUntraced(
  function*(reader: EventReader, sink: Sink, interval: Duration.Duration) {
    while (true) {
      if (Option.isNone(yield* Effect.timeoutOption(reader.arrival, interval))) {
        yield* sink.write(SseEvent.comment("keep-alive"))
        continue
      }
      const event = yield* reader.next
      if (Option.isNone(event)) return
      yield* sink.write(encoded(event.value))
    }
  },
  (effect, reader) => Effect.ensuring(effect, reader.close)
)
