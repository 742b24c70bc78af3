/** A call of a tool and its result, as far as they are kept on disk (BEHAVIOUR 5, "An answer outlives its call"). */
import { type Option, Schema } from "effect"
import { type AgentName, PrincipalId, SessionId } from "../domain/Ids.ts"
import type { ResumePoint } from "../relay/ResumePoint.ts"

/**
 * `running` is under way at the relay, `queued` waits in the outbox, `answered` has the relay's result, `failed` an error:
 * the relay's, or Holdfast's, which says what is known of the call.
 */
export type ResultState = "running" | "queued" | "answered" | "failed"

export interface KeptResult {
  readonly id: number
  readonly agent: AgentName
  readonly tool: string
  readonly state: ResultState
  /** Milliseconds since the epoch, whole. */
  readonly calledAt: number
  readonly endedAt: Option.Option<number>
  /** When the agent was told of it, or was given it. */
  readonly toldAt: Option.Option<number>
  readonly bytes: number
  /** The JSON-RPC response of one that has ended; its `id` means nothing. */
  readonly response: Option.Option<string>
}

/** A call that may be queued, and that its relay knows again by its key. */
export const Resend = Schema.Struct({
  session: SessionId,
  principal: PrincipalId,
  /** The agent's own, JSON-RPC text. */
  request: Schema.String,
  declaresKey: Schema.Boolean,
  idempotentHint: Schema.Boolean,
  epoch: Schema.NullOr(Schema.Int)
})
export type Resend = typeof Resend.Type

/** One call, as it is written down. */
export interface NewCall {
  readonly agent: AgentName
  readonly tool: string
  /** What names the same call made again, where something does. */
  readonly name: string | undefined
  readonly onlyReads: boolean
  readonly calledAt: number
  /** What the outbox needs to send it again under its key, where that does no harm. */
  readonly resend?: Resend | undefined
}

/** How a call ended whose agent was gone. */
export type Ending =
  | { readonly _tag: "Response"; readonly text: string }
  /** The outbox has it, under this key. */
  | { readonly _tag: "Queued"; readonly key: string }

/** A call that another life, or another attempt, left under way. */
export interface RunningCall {
  readonly id: number
  readonly agent: AgentName
  readonly onlyReads: boolean
  readonly calledAt: number
  readonly tool: string
  readonly resume: Option.Option<ResumePoint>
  readonly resend: Option.Option<Resend>
}

/** A call that is kept as queued: its entry in the outbox. */
export interface QueuedCall {
  readonly agent: AgentName
  readonly tool: string
  readonly key: string
}
