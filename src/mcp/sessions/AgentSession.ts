/**
 * One agent's MCP session: ours, on disk, over relay sessions that come and go (BEHAVIOUR 3).
 *
 * A call runs in the session's scope, not its request's: a dropped connection is no cancellation.
 */
import { Effect, FiberHandle, FiberMap, FiberSet, Schema, Scope } from "effect"
import { createHash } from "node:crypto"
import type { AgentName, SessionId } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { type RelaySession, RelaySessions } from "../../relay/session/RelaySession.ts"
import { MenuView } from "../menus/MenuView.ts"
import type { EventLog } from "../streams/EventLog.ts"
import { EventLogs } from "../streams/EventLogs.ts"
import { RelayQuestions } from "./RelayQuestions.ts"
import type { SavedSession } from "./SessionStore.ts"

const InitializeParams = Schema.fromJsonString(Schema.Struct({
  params: Schema.optionalKey(Schema.Struct({
    clientInfo: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(Schema.String) }))
  }))
}))
const decodeParams = Schema.decodeUnknownOption(InitializeParams)

/** Begins the ids of what is kept for agents without sessions; no session is called so. */
export const contextPrefix = "context-"

export class AgentSession {
  readonly id: SessionId
  readonly agent: AgentName
  readonly initialize: string
  /** What the agent was answered, or asks for while it is not; the relay session's own may differ. */
  protocolVersion: string
  readonly clientName: string
  /** Not a session that the agent knows of: it speaks the modern era, which has none. */
  readonly modern: boolean
  /** A digest of the client's capabilities: relays register tools by capability. */
  readonly capabilities: string
  readonly relay: RelaySession
  readonly scope: Scope.Scope
  /** Requests under way, by id as it stands in their text. */
  readonly requests: FiberMap.FiberMap<string, void, never>
  /** Notifications and other work that nobody waits for. */
  readonly work: FiberSet.FiberSet
  /** The relay's own stream to this session, while the agent has one open. */
  readonly relayStream: FiberHandle.FiberHandle
  /** What goes to the agent on its own stream; survives the connections that read it. */
  readonly log: EventLog
  readonly view: MenuView
  /** The relay's requests that the agent has yet to answer, with the relay session they came on. */
  readonly questions = new RelayQuestions()
  /** Resources that agents of the modern era listen for, and how many do. */
  readonly watched = new Map<string, number>()
  /** Connections that read `log`; the newest one counts. */
  readers = 0
  roots: string | undefined
  logLevel: string | undefined
  subscriptions: ReadonlyArray<string>
  usedAt = 0

  constructor(saved: SavedSession, parts: {
    readonly relay: RelaySession
    readonly scope: Scope.Scope
    readonly requests: FiberMap.FiberMap<string, void, never>
    readonly work: FiberSet.FiberSet
    readonly relayStream: FiberHandle.FiberHandle
    readonly log: EventLog
  }) {
    this.id = saved.id
    this.agent = saved.agent
    this.initialize = saved.initialize
    this.modern = saved.id.startsWith(contextPrefix)
    this.protocolVersion = saved.protocol_version
    const params = decodeParams(saved.initialize)
    this.clientName = params._tag === "Some" ? params.value.params?.clientInfo?.name ?? "" : ""
    this.capabilities = digest(JsonText.at(saved.initialize, ["params", "capabilities"]) ?? "{}")
    this.relay = parts.relay
    this.scope = parts.scope
    this.requests = parts.requests
    this.work = parts.work
    this.relayStream = parts.relayStream
    this.log = parts.log
    this.view = new MenuView(saved.fingerprint ?? undefined)
    this.roots = saved.roots ?? undefined
    this.logLevel = saved.log_level ?? undefined
    this.subscriptions = saved.subscriptions
  }

  get saved(): SavedSession {
    return {
      id: this.id,
      agent: this.agent,
      initialize: this.initialize,
      protocol_version: this.protocolVersion,
      roots: this.roots ?? null,
      log_level: this.logLevel ?? null,
      subscriptions: this.subscriptions,
      fingerprint: this.view.answered ?? null
    }
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 16)

/** Alive while the scope is open; its end also ends the relay session. */
export const make = Effect.fnUntraced(function*(saved: SavedSession) {
  const logs = yield* EventLogs
  const relaySessions = yield* RelaySessions
  const scope = yield* Effect.scope
  // The seed is asked for when a relay session opens, which is after the session exists.
  let session: AgentSession | undefined
  const relay = yield* relaySessions.make({
    agent: saved.agent,
    era: saved.id.startsWith(contextPrefix) ? "modern" : "legacy",
    seed: Effect.sync(() => ({
      initialize: saved.initialize,
      replay: session === undefined
        ? []
        : [session.roots, session.logLevel, ...session.subscriptions].filter((text) => text !== undefined)
    }))
  })
  session = new AgentSession(saved, {
    relay,
    scope,
    requests: yield* FiberMap.make<string, void, never>(),
    work: yield* FiberSet.make(),
    relayStream: yield* FiberHandle.make(),
    // Each `subscriptions/listen` of an agent is told everything; of a session's streams, one.
    log: yield* logs.make({ session: saved.id, shared: saved.id.startsWith(contextPrefix) })
  })
  return session
})
