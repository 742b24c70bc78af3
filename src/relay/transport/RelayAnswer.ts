/** One attempt at the relay, and what may come back. */
import { Option, type Redacted } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"
import type { ProofKey } from "../../token/sources/ProofKey.ts"
import type { RelayFailure } from "../RelayFailure.ts"
import type { Incoming, IncomingBytes } from "./Incoming.ts"

// What watches over an attempt, and may end it from outside; to an attempt what an `AbortSignal` is to a fetch.

export interface AttemptWatch {
  /** The transport calls it whenever bytes of the answer's body arrive. */
  readonly heard: () => void
  /** The transport's waits fail with what `listener` is given, at once where it was ended before. One at a time. */
  readonly listen: (listener: (failure: RelayFailure) => void) => void
  readonly unlisten: (listener: (failure: RelayFailure) => void) => void
}

export interface Attempt {
  /** Whom it is made for: a relay that knows its peers by their connection has one for each agent. */
  readonly agent: AgentName
  readonly method: "POST" | "GET" | "DELETE"
  /** JSON-RPC text, sent as it is; absent for GET and DELETE. */
  readonly body?: string | undefined
  /** The same in UTF-8, where that is at hand: sent in its place. */
  readonly bytes?: Uint8Array | undefined
  /** Already allow-listed; never credentials. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly token: Option.Option<Redacted.Redacted>
  /** The key that the token is bound to: the attempt carries a proof of it (RFC 9449). */
  readonly key?: ProofKey | undefined
  /** The relay's own session id. */
  readonly session?: string | undefined
  readonly protocolVersion?: string | undefined
  readonly lastEventId?: string | undefined
  /** Goes at once, however many requests are under way: it asks whether the relay is there. */
  readonly probes?: boolean | undefined
  /** Hears of each byte of the answer, and may end the attempt's waits; without one nothing but the scope does. */
  readonly watch?: AttemptWatch | undefined
}

/** What a request shows for itself. */
export interface RelayCredential {
  readonly value: Redacted.Redacted
  readonly key?: ProofKey | undefined
}

export const carrying = (credential: Option.Option<RelayCredential>): Pick<Attempt, "token" | "key"> => ({
  token: Option.map(credential, ({ value }) => value),
  key: Option.getOrUndefined(credential)?.key
})

export type RelayBody =
  | { readonly _tag: "Empty" }
  | { readonly _tag: "Json"; readonly chunks: IncomingBytes }
  | { readonly _tag: "Sse"; readonly events: Incoming<SseEvent> }

/** A JSON-RPC answer (JSON or SSE), or an empty 2xx; everything else is a `RelayFailure`. */
export interface RelayAnswer {
  readonly status: number
  /** Allow-listed, lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The relay's `Mcp-Session-Id`, where it sent one. */
  readonly session: string | undefined
  /** Bytes of the body, where the relay said so. */
  readonly length?: number | undefined
  readonly body: RelayBody
}
