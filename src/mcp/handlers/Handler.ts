/** What a handler is given, what it returns, and what may go ahead of that. */
import { Data, type Effect, type Scope } from "effect"
import type { JsonRpcError } from "../../domain/JsonRpcError.ts"
import type { Request } from "../../domain/Message.ts"
import type { FinalAnswer } from "../../relay/RelayClient.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { OpenRelaySession } from "../../relay/session/RelaySession.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import type { CallTrace } from "./CallTrace.ts"
import type { LiveCall } from "./LiveCall.ts"

/** One request of an agent. */
export interface RequestContext {
  readonly session: AgentSession
  readonly request: Request
  /** The agent's headers that may pass to the relay, lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Names the request for its cancellation: its id, or where that may be another agent's too, one of ours. JSON text. */
  readonly name: string
  /** The id that it goes under at the relay, JSON text, where the agent uses its own for two requests at once. */
  readonly relayId: string | undefined
  /** Of a call of a tool that is no part of a batch. */
  readonly call?: LiveCall | undefined
  /** Part of a batch: it is never queued, and nothing can go ahead of its answer. */
  readonly batched: boolean
  /** Of a call of a tool, where somebody listens. */
  readonly trace: CallTrace | undefined
}

/** How a request ended: with the relay's answer, an acknowledgement, a last-known list, or an error. */
export type Outcome = "answered" | "queued" | "cached" | "error"

/** What the agent is answered. */
export interface Answer {
  readonly outcome: Outcome
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: FinalAnswer["body"]
  /** The body's text encoded, in pieces, where it is at hand so. */
  readonly encoded?: ReadonlyArray<string | Uint8Array> | undefined
  /** Holdfast's own words, in legacy form; the responder puts them into the form of the agent's era. */
  readonly own?: boolean
  /** The outbox's: in legacy form where it was remembered. */
  readonly fromOutbox?: boolean
}

/** Begins the `supersedes` of a message that tells how far a call is. */
export const progressPrefix = "progress:"

/** Takes a question of the relay; `false` where the agent cannot be asked it. */
export type AskedBy = (question: Request, from: OpenRelaySession) => boolean

/** A place in a stream to the agent; the stream has no name where nobody can resume it. */
export interface Position {
  readonly stream: string
  readonly sequence: number
}

/** What goes to the agent ahead of the answer. */
export interface Ahead {
  /** A message, unless a connected client is slow to read: then it is not taken. Makes the answer a stream. */
  readonly offer: (data: string, supersedes?: string) => boolean
  /** A message; makes the answer a stream. Waits while a connected client is slow to read. */
  readonly message: (data: string, supersedes?: string) => Effect.Effect<void>
  /**
   * Where the agent's era has no requests of the relay: who takes those of one attempt, to be answered in the agent's next
   * round; `false` where the agent cannot be asked that.
   */
  readonly askedBy?: () => AskedBy
  /** Told each new place from which the relay's answer can be read on. */
  readonly resumable?: (point: ResumePoint) => void
  /** Run before each attempt: holds the relay's own stream, on which it may ask, and which it may have lost meanwhile. */
  readonly listens?: Effect.Effect<void>
  /** Makes the answer a stream; gives its name and its newest event, so that what follows can be found in it. */
  readonly position: () => Position
  /** The relay has begun a stream, which has said nothing yet. */
  readonly relayStreams: () => void
  /** The relay lets its client come again for the rest, and so do we (MCP 2025-11-25, transports, polling). */
  readonly relayPolls: () => void
}

/** A JSON-RPC error in Holdfast's own words. */
export class RpcError extends Data.TaggedError("RpcError")<JsonRpcError & { readonly status?: number }> {}

/** The scope is the request's: what it holds at the relay is let go of when the answer has left. */
export type Handler = (
  context: RequestContext,
  ahead: Ahead
) => Effect.Effect<Answer, RelayFailure | RpcError, Scope.Scope>

/** The relay's own answer. */
export const answered = ({ body, headers, status }: FinalAnswer): Answer => ({
  outcome: "answered",
  status,
  headers,
  body
})

/** A result of our own; `result` is its text. */
export const ownResult = ({ id }: Request, result: string, outcome: Outcome): Answer => ({
  outcome,
  status: 200,
  headers: {},
  body: { _tag: "Whole", text: `{"jsonrpc":"2.0","id":${id},"result":${result}}` },
  own: true
})
