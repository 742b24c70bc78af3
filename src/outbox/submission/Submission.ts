/** A call that is being submitted: who waits for it, how far it is, and what will be said. */
import { Deferred, type Effect, type Fiber } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { BufferableCall, Submission, Wire, WireAnswer } from "../Call.ts"
import type { OutboxRefused } from "../OutboxRefused.ts"
import { restoreId } from "../Wire.ts"
import type { Draft } from "./Draft.ts"
import type { IdempotencyKey } from "./IdempotencyKey.ts"

export type Live = (wire: Wire, onBytes: () => void) => Effect.Effect<WireAnswer, RelayFailure>

/** Like a `Submission`, but the answer still carries the wire's id. */
export type Reply =
  | { readonly _tag: "Answered"; readonly answer: WireAnswer; readonly replayed: boolean }
  | Exclude<Submission, { readonly _tag: "Answered" }>

export interface Submitted {
  /** Relay, agent, tool and key, in which the call is the same call again. */
  readonly name: string
  readonly draft: Draft
  readonly key: IdempotencyKey
  readonly live: Live
  readonly reply: Deferred.Deferred<Reply, OutboxRefused>
  /** The requests of the agent that wait for it. */
  readonly askedBy: Set<string>
  /** `accepting` and later a cancellation comes too late. */
  phase: "waiting" | "live" | "accepting"
  fiber: Fiber.Fiber<void, OutboxRefused> | undefined
}

/** A request of an agent, whichever way its id is written. */
export const requestName = (session: SessionId, id: string): string => JSON.stringify([session, JSON.parse(id)])

export const callName = (call: BufferableCall, key: IdempotencyKey): string =>
  JSON.stringify([call.agent, call.tool, key.key])

/** What one of those who wait for it is told. */
export const toldTo = (call: BufferableCall, wireId: string, reply: Reply, joined: boolean): Submission =>
  reply._tag === "Answered"
    ? {
      _tag: "Answered",
      status: reply.answer.status,
      text: restoreId(reply.answer.text, wireId, call.request.id),
      replayed: joined || reply.replayed
    }
    : reply
