/**
 * One server-sent event stream to an agent, remembered for a while so that a client that lost it can resume (BEHAVIOUR 2).
 *
 * Appending never waits: a reader that stalls costs at most the log's bound, and learns of what it missed by an event
 * that marks the gap.
 */
import type { Effect, Option, Scope } from "effect"
import { Context } from "effect"
import type { SessionId } from "../domain/Ids.ts"

export interface LoggedEvent {
  /** What `Last-Event-ID` will name: stream, sequence, and the request's id where the stream answers one. */
  readonly id: string
  readonly sequence: number
  readonly data: string
  /** `undefined` is the default, `message`. */
  readonly event: string | undefined
}

/** What may be compacted: a later one of the same kind makes an earlier one, not yet read, superfluous. */
export type Supersedes = string | undefined

export interface EventLog {
  readonly id: string
  readonly append: (data: string, supersedes?: Supersedes) => Effect.Effect<void>
  /** No more events will come; readers end after the last. */
  readonly end: Effect.Effect<void>
  /** Reads on from behind `after` (0: from the first); waits for what is to come; `None` at the end. */
  readonly reader: (after: number) => { readonly next: Effect.Effect<Option.Option<LoggedEvent>> }
}

/** What a `Last-Event-ID` of ours says by itself, also after the stream it names is gone. */
export interface EventIdParts {
  readonly stream: string
  readonly sequence: number
  /** The id, as it stood in the request's text, of the request that a POST's stream answers. */
  readonly requestId: string | undefined
}

export class EventLogs extends Context.Service<EventLogs, {
  /** Gone, with what it remembers, when the scope ends. */
  readonly make: (options: {
    readonly session: SessionId
    readonly requestId?: string | undefined
  }) => Effect.Effect<EventLog, never, Scope.Scope>
  readonly find: (session: SessionId, stream: string) => Effect.Effect<Option.Option<EventLog>>
}>()("holdfast/mcp/EventLogs") {}
