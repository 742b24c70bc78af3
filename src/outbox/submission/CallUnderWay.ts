/** A call on its way through the outbox: who waits for it, how far it is, and what they are answered. */
import type { Deferred, Effect, Exit, Fiber } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import {
  type BufferableCall,
  type OutboxRefused,
  restoreId,
  type Submission,
  type Wire,
  type WireAnswer
} from "../Call.ts"
import type { IdempotencyKey } from "./IdempotencyKey.ts"

/** A `Submission` whose answer, if it has one, still carries the wire's id. */
export type Reply =
  | { readonly _tag: "Answered"; readonly answer: WireAnswer; readonly replayed: boolean }
  | Exclude<Submission, { readonly _tag: "Answered" }>

export interface CallUnderWay {
  /** Agent, tool and key: another call of this name is the same call again. */
  readonly name: string
  readonly call: BufferableCall
  readonly key: IdempotencyKey
  readonly wire: Wire
  readonly onUnknown: "resend" | "dead"
  readonly occurredAt: number
  readonly live: (wire: Wire, onBytes: () => void) => Effect.Effect<WireAnswer, RelayFailure>
  /** The first reply counts. */
  readonly reply: (reply: Exit.Exit<Reply, OutboxRefused>) => void
  readonly replied: Deferred.Deferred<Reply, OutboxRefused>
  /** The requests of the agent that wait for it. */
  readonly askedBy: Set<string>
  /** From `accepting` on a cancellation comes too late. */
  phase: "waiting" | "live" | "accepting"
  /** Ends when the call has ended and is settled, which may be long after the reply. */
  fiber: Fiber.Fiber<void, OutboxRefused> | undefined
  /** Nobody waits for its answer: its live attempt is handed over as soon as there is one. */
  deserted: boolean
  /**
   * Its live attempt. An object and no function: V8 kept each function that stood here, and by it all of its call, until
   * the next full collection, which was a fifth of what a call costs.
   */
  attempt: Attempt | undefined
}

export interface Attempt {
  /** Hands it over to the queue; does nothing in another phase than `live`. */
  readonly handOver: (stopping: boolean) => void
}

/** Written in one way only. */
const plainId = /^(?:\d{1,15}|"[ !#-[\]-~]*")$/

/** A request of an agent, whichever way its id is written. */
export const requestName = (session: SessionId, id: string): string =>
  `${plainId.test(id) ? id : JSON.stringify(JSON.parse(id))} ${session}`

export const callName = (call: BufferableCall, { key }: IdempotencyKey): string =>
  JSON.stringify([call.agent, call.tool, key])

/** What one of those who wait for it is answered. */
export const submissionOf = (call: BufferableCall, wireId: string, reply: Reply, joined: boolean): Submission =>
  reply._tag === "Answered"
    ? {
      _tag: "Answered",
      status: reply.answer.status,
      text: restoreId(reply.answer.text, wireId, call.request.id),
      replayed: joined || reply.replayed
    }
    : reply
