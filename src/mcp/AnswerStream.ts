/**
 * The answer to one request, under way: JSON when it comes whole in time, SSE when the relay streams or takes long.
 *
 * The producer (the session) runs in the session's scope, so that a client that drops its connection cancels nothing.
 */
import type { Effect } from "effect"
import type { Pull } from "../relay/RelayTransport.ts"
import type { EventLog } from "./EventLog.ts"

/** How the answer begins, which decides the HTTP response. */
export type Opening =
  | {
    readonly _tag: "Json"
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body:
      | { readonly _tag: "Whole"; readonly text: string }
      | { readonly _tag: "Chunks"; readonly chunks: Pull<Uint8Array> }
  }
  | { readonly _tag: "Sse"; readonly log: EventLog }

export interface AnswerStream {
  /** Producer: the relay answers with SSE, so do we. */
  readonly stream: Effect.Effect<void>
  /** Producer: a message that goes ahead of the answer; makes the answer a stream. */
  readonly message: (data: string, supersedes?: string) => Effect.Effect<void>
  /** Producer: the answer. JSON if the answer has not become a stream by then, else its last event. */
  readonly answer: (answer: Extract<Opening, { readonly _tag: "Json" }>) => Effect.Effect<void>
  /** Consumer: settled by whichever of the above comes first. */
  readonly opening: Effect.Effect<Opening>
  /** Consumer: after 10 s without an opening the answer becomes a stream, where the request's Accept allows that. */
  readonly becomeStream: Effect.Effect<void>
}
