/**
 * One server-sent event stream to an agent, remembered for a while so that a client that lost it can resume (BEHAVIOUR 2).
 *
 * Appending never waits. What was read gives way first; a reader that stalls costs at most the log's bound, and learns
 * of what it missed by an event that marks the gap. The newest event of a log outlives its session's bound, so that an
 * answer larger than the bound still arrives.
 */
import type { Effect, Option } from "effect"

export interface LoggedEvent {
  /** What `Last-Event-ID` will name: stream, sequence, and the request's id where the stream answers one. */
  readonly id: string | undefined
  readonly sequence: number
  /** Empty in a priming event, which only tells its id. */
  readonly data: string
  /** `undefined` is the default, `message`; `holdfast-gap` stands for events that are no longer kept. */
  readonly event: string | undefined
}

/** What may be compacted: a later one of the same kind makes an earlier one, not yet read, superfluous. */
export type Supersedes = string | undefined

export interface EventReader {
  /** The next event, `waiting` where it is still to come, `ended` where none will. */
  readonly take: () => LoggedEvent | "waiting" | "ended"
  /** Calls `listener` once, when `take` no longer says `waiting`; at once where it does not now. */
  readonly onArrival: (listener: () => void) => void
  /** `take`, as an effect that waits; `None` at the end. */
  readonly next: Effect.Effect<Option.Option<LoggedEvent>>
  /** Nobody reads the rest. The log keeps it within its bounds. */
  readonly close: () => void
}

export interface EventLog {
  readonly id: string
  /** The newest event that some reader was given; 0 before the first. */
  readonly read: number
  /** The newest event; 0 before the first. */
  readonly last: number
  readonly append: (data: string, supersedes?: Supersedes) => void
  /** No more events will come; readers end after the last. */
  readonly end: () => void
  /** Ends those who read now, and not the log: whoever reads on later misses nothing. */
  readonly pause: () => void
  /**
   * Reads on from behind `after` (0: from the first). Of several readers at once the newest is given what comes, and the
   * one before it goes on where that one stopped (MCP 2025-11-25, transports, multiple connections), unless the log is
   * shared.
   */
  readonly reader: (after: number) => EventReader
  /**
   * Whether a producer that can wait may append so many characters now: a connected reader would not have more than the
   * log's bound to read. A reader that takes nothing for 30 s is not waited for.
   */
  readonly hasRoom: (length: number) => boolean
  /** Waits until there is room. */
  readonly room: (length: number) => Effect.Effect<void>
}
