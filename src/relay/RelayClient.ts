/**
 * One request to the relay, with all that keeps it alive: session, token, the watch over silence.
 *
 * Repeats only what the relay did not act on, once each: a lost session is reopened, a 401 asks for one shared refresh
 * of the token and then for a new session (BEHAVIOUR 3, 7). Down-class failures are reported to the link. A silent
 * call is watched: after 10 s without bytes the link probes beside it, and two failures end it.
 */
import { Context, type Effect, type Scope } from "effect"
import type { SseEvent } from "../domain/SseEvent.ts"
import type { RelayFailure } from "./RelayFailure.ts"
import type { OpenRelaySession, RelaySession } from "./RelaySession.ts"
import type { Pull, RelayAnswer } from "./RelayTransport.ts"

/** The relay's JSON-RPC answer to our id. */
export interface FinalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body:
    | { readonly _tag: "Whole"; readonly text: string }
    /** JSON that is passed on as it comes. */
    | { readonly _tag: "Chunks"; readonly chunks: Pull<Uint8Array> }
}

export interface RequestOptions {
  /** The JSON-RPC text, sent byte for byte. */
  readonly text: string
  /** The request's id, as it stands in the text. */
  readonly id: string
  /** The agent's headers that may pass. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Each SSE message that comes before the answer, in order. */
  readonly onEvent?: ((event: SseEvent, session: OpenRelaySession) => Effect.Effect<void>) | undefined
  /** Called once the relay has begun to answer with SSE. */
  readonly onStream?: Effect.Effect<void> | undefined
  /** Pass JSON on as it comes; otherwise it is collected whole, up to 16 MiB, and beyond passed on. */
  readonly streamJson?: boolean | undefined
  /** The bound on the whole request (BEHAVIOUR 4): 10 min for a call, 10 s for lists, 30 s for reads. */
  readonly within: number
}

export class RelayClient extends Context.Service<RelayClient, {
  /** Never waits for a link that is Down: whoever may wait asks `RelayLink.awaitUp` first. */
  readonly request: (
    session: RelaySession,
    options: RequestOptions
  ) => Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope>
  /** A notification or a response; the relay answers 202. */
  readonly notify: (session: RelaySession, text: string) => Effect.Effect<void, RelayFailure>
  /** The relay's own stream (GET) on this session; `SessionLost` and 401 are handled as for a request. */
  readonly stream: (
    session: RelaySession,
    lastEventId: string | undefined
  ) => Effect.Effect<{ readonly answer: RelayAnswer; readonly session: OpenRelaySession }, RelayFailure, Scope.Scope>
}>()("holdfast/relay/RelayClient") {}
