/** A session at the relay: what it is made of, and how those who use it hold it. */
import type { Effect, Option } from "effect"
import type { Envelope } from "../../domain/Envelope.ts"
import type { AgentName } from "../../domain/Ids.ts"
import type { RelayFailure } from "../RelayFailure.ts"

/** What has to be said again to a relay that has forgotten us; all JSON-RPC text. */
export interface SessionSeed {
  readonly initialize: string
  /** Sent after `notifications/initialized`: the latest roots notice, log level, resource subscriptions. */
  readonly replay: ReadonlyArray<string>
  /** Ids of the relay's tasks whose changes are listened for. */
  readonly tasks?: ReadonlyArray<string>
}

export interface OpenRelaySession {
  readonly agent: AgentName
  /** `None` where the relay is stateless. */
  readonly id: Option.Option<string>
  readonly protocolVersion: string
  /** The text of the relay's InitializeResult, or of its DiscoverResult. */
  readonly result: string
  /** Counts up with each new relay session. */
  readonly generation: number
  /** Where the relay is of the modern era, and so knows of no session at all. */
  readonly modern?: {
    /** What is said of the session with each request that does not say it by itself. */
    readonly envelope: Envelope
    /** URIs, as JSON text, of the resources whose updates are listened for. */
    readonly resources: ReadonlyArray<string>
    /** Ids of the tasks whose changes are listened for. */
    readonly tasks: ReadonlyArray<string>
    /** As `RelayEra` counted them; another outage, and the relay may be of another era. */
    readonly outages: number
  }
}

export interface RelaySession {
  readonly agent: AgentName
  /** The one that is open and still good, if any; never opens. */
  readonly openNow: () => OpenRelaySession | undefined
  /** The one that is open, else a new one: 10 s at most. */
  readonly open: Effect.Effect<OpenRelaySession, RelayFailure>
  /** The one that is open now, if any; never opens. */
  readonly current: Effect.Effect<Option.Option<OpenRelaySession>>
  /** Forget this one, if it is still the current one: the next `open` makes another. */
  readonly lost: (session: OpenRelaySession) => Effect.Effect<void>
  /** Whether the relay is not told that this one ends: it waits for an answer that another life of Holdfast will give. */
  readonly leaveOpen: (leave: boolean) => void
}
