/** A bufferable call on its way: as it comes, as it is sent, and what becomes of it. */
import type { Option } from "effect"
import type { AgentName, PrincipalId, SessionId } from "../domain/Ids.ts"
import type { Request } from "../domain/Message.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"

export interface BufferableCall {
  readonly agent: AgentName
  readonly session: SessionId
  readonly principal: PrincipalId
  /** The agent's request as it came; the outbox splices key and id itself. */
  readonly request: Request
  /** Names it for `cancel`; its own id, without. */
  readonly asked?: string | undefined
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
