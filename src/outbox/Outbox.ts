/**
 * The durable queue of accepted calls (BEHAVIOUR 5).
 *
 * A call that is answered "queued" is on disk before the answer leaves. It reaches the relay under one idempotency key,
 * in order within its lane, or ends as a dead letter that somebody can see and retry. One call of a lane is in flight,
 * live or queued; there are never two attempts of one entry at once, and an entry that was in flight when the process
 * died goes back to the head of its lane under the same key.
 */
import { Context, type Effect, type Option, Schema } from "effect"
import type { AgentName, PrincipalId, SessionId } from "../domain/Ids.ts"
import type { Request } from "../domain/Message.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"
import type { Entry, EntryState } from "./Entry.ts"

/** Refused, and nothing was accepted: full, too large, a reused key with other arguments, a disk that fails. */
export class OutboxRefused extends Schema.TaggedError<OutboxRefused>()("OutboxRefused", {
  reason: Schema.Literals(["full", "too large", "key reused", "storage", "expired wait"]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

export interface BufferableCall {
  readonly agent: AgentName
  readonly session: SessionId
  readonly principal: PrincipalId
  /** The agent's request as it came; the outbox splices key and id itself. */
  readonly request: Request
  readonly tool: string
  /** Whether the tool's schema declares `idempotencyKey`. */
  readonly declaresKey: boolean
  readonly idempotentHint: boolean
  /** The context's epoch at the time of the call. */
  readonly epoch: Option.Option<number>
}

/** What goes to the relay: the request with its key, under an id of the outbox's own. */
export interface Wire {
  readonly text: string
  readonly id: string
  readonly key: string
}

/** The relay's whole answer to a wire, and its HTTP status. */
export interface WireAnswer {
  readonly status: number
  readonly text: string
}

export type Submission =
  /** The relay's answer, with the agent's own id put back; `replayed` where it was remembered and not asked for anew. */
  | { readonly _tag: "Answered"; readonly status: number; readonly text: string; readonly replayed: boolean }
  /** On disk; the text of the acknowledgement's result. */
  | { readonly _tag: "Queued"; readonly result: string }
  /** Neither answered nor queued: the error that the agent is told. */
  | { readonly _tag: "Failed"; readonly failure: RelayFailure }

export interface OutboxStats {
  readonly pending: number
  readonly inflight: number
  readonly held: number
  readonly dead: number
  readonly delivered: number
  readonly bytes: number
  readonly oldestAt: Option.Option<number>
  /** Whether the last write to the disk worked. */
  readonly writable: boolean
}

export interface EntryFilter {
  readonly state?: EntryState | undefined
  readonly agent?: AgentName | undefined
  readonly limit?: number | undefined
  /** Only entries with a larger id. */
  readonly after?: number | undefined
}

/** One for each relay. */
export class Outbox extends Context.Service<Outbox, {
  /**
   * Answers within the bounds of BEHAVIOUR 4 and 5: live, or queued. `live` makes the one live attempt; it runs in the
   * outbox's own scope, so that interrupting `submit` (a client that went away) ends neither it nor its settlement.
   */
  readonly submit: (
    call: BufferableCall,
    live: (wire: Wire) => Effect.Effect<WireAnswer, RelayFailure>
  ) => Effect.Effect<Submission, OutboxRefused>
  /** `notifications/cancelled` for the agent's request: drops it where nothing is committed yet; the wire's id where it is live. */
  readonly cancel: (session: SessionId, requestId: string) => Effect.Effect<Option.Option<string>>
  readonly list: (filter: EntryFilter) => Effect.Effect<ReadonlyArray<Entry>>
  readonly find: (id: number) => Effect.Effect<Option.Option<Entry>>
  /** Dead and held entries go to the tail of their lane, bound to the principal in force; the ids that did. */
  readonly retry: (ids: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>>
  /** Pending, held and dead entries are removed; the ids that were. */
  readonly discard: (ids: ReadonlyArray<number>, reason: string) => Effect.Effect<ReadonlyArray<number>>
  readonly stats: Effect.Effect<OutboxStats>
  /** Dead letters that this agent has not been told of, marked as told. */
  readonly untold: (agent: AgentName) => Effect.Effect<ReadonlyArray<Entry>>
  /** Everything in flight is on disk when this returns, 5 s at most; nothing is accepted any more. */
  readonly drain: Effect.Effect<void>
}>()("holdfast/outbox/Outbox") {}
