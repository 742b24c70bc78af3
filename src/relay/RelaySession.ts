/**
 * A relay session that outlives its relay: the saved `initialize` is replayed whenever the relay forgot it.
 *
 * One of these stands behind each agent session, one per agent behind the outbox. Opening is single-flight.
 */
import { Context, type Effect, type Option, type Scope } from "effect"
import type { AgentName } from "../domain/Ids.ts"
import type { RelayFailure } from "./RelayFailure.ts"

/** What has to be said again to a relay that has forgotten us; all JSON-RPC text. */
export interface SessionSeed {
  readonly initialize: string
  /** Sent after `notifications/initialized`: the latest roots notice, log level, resource subscriptions. */
  readonly replay: ReadonlyArray<string>
}

export interface OpenRelaySession {
  /** `None` where the relay is stateless. */
  readonly id: Option.Option<string>
  readonly protocolVersion: string
  /** The text of the relay's InitializeResult. */
  readonly result: string
  /** Counts up with each new relay session. */
  readonly generation: number
}

export interface RelaySession {
  readonly agent: AgentName
  /** The one that is open, else a new one: 10 s at most. */
  readonly open: Effect.Effect<OpenRelaySession, RelayFailure>
  /** The one that is open now, if any; never opens. */
  readonly current: Effect.Effect<Option.Option<OpenRelaySession>>
  /** Forget this one, if it is still the current one: the next `open` makes another. */
  readonly lost: (session: OpenRelaySession) => Effect.Effect<void>
}

export class RelaySessions extends Context.Service<RelaySessions, {
  /**
   * `seed` is asked each time a session is opened. The scope's end sends DELETE to the relay, best effort.
   * At most 16 sessions are opened at a time.
   */
  readonly make: (options: {
    readonly agent: AgentName
    readonly seed: Effect.Effect<SessionSeed>
  }) => Effect.Effect<RelaySession, never, Scope.Scope>
}>()("holdfast/relay/RelaySessions") {}
