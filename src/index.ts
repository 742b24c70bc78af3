/**
 * Holdfast as a library: the daemon's runtime as a layer of another Effect program (BEHAVIOUR 12).
 *
 * `Holdfast.layer(options)` gives the whole runtime, listening; each actor's own layer is exported beside it and usable
 * alone, with whatever it requires. Time is Effect's `Clock`, so that `TestClock` drives everything above the transport.
 */
// The whole, and why it may not start.
export { AgentSecretTooShort } from "./agents/AgentSecret.ts"
export { Holdfast, type HoldfastOptions, type HoldfastStartError } from "./Holdfast.ts"
export { CannotListen, PortTaken } from "./mcp/http/Listener.ts"
export { DaemonRunning } from "./storage/DaemonLock.ts"
export { DataDirectoryUnusable } from "./storage/DataDirectory.ts"
export { NewerDatabase } from "./storage/Migrations.ts"
export { DatabaseUnusable } from "./storage/StorageFault.ts"
export { TokenSettingsInvalid } from "./token/sources/ChosenSource.ts"

// What every actor stands on.
export {
  type MenuRule,
  type RelaySettings,
  RelayTarget,
  relayTargets,
  Settings,
  settingsFrom,
  SettingsSchema,
  type SettingsValues
} from "./config/Settings.ts"
export { type SourceSettings, type TokenSettings } from "./config/TokenSettings.ts"
export { AgentName, defaultAgent, defaultRelay, PrincipalId, RelayId, SessionId } from "./domain/Ids.ts"
export type { Era } from "./domain/ProtocolVersion.ts"
export * as Database from "./storage/Database.ts"
export { DataDirectory } from "./storage/DataDirectory.ts"
export { Deadlines } from "./supervision/Deadlines.ts"
export { FiberEscalated, type FiberStatus, Supervisor } from "./supervision/Supervisor.ts"

// Agents, and where each stands.
export { Agents, UnknownAgent } from "./agents/Agents.ts"
export { ContextEvent, ContextState, type Facts } from "./context/ContextState.ts"
export { transition } from "./context/ContextState.ts"
export { IllegalTransition, StaleEpoch, WorkspaceContexts } from "./context/WorkspaceContexts.ts"
export { CannotReload, type Relay, RelayRegistry } from "./mcp/RelayRegistry.ts"
export type { AgentSession } from "./mcp/sessions/AgentSession.ts"
export { AgentSessions } from "./mcp/sessions/AgentSessions.ts"
export { SessionStore } from "./mcp/sessions/SessionStore.ts"
export { EventLogs } from "./mcp/streams/EventLogs.ts"

// The menu.
export { CachedLists } from "./menu/CachedLists.ts"
export type { Hides } from "./menu/Narrowing.ts"
export { ToolPins } from "./menu/ToolPins.ts"

// The relay.
export { type EraFinding, RelayEra } from "./relay/link/RelayEra.ts"
export { LinkState, RelayLink } from "./relay/link/RelayLink.ts"
export { RelayProbe } from "./relay/link/RelayProbe.ts"
export { RelayClient } from "./relay/RelayClient.ts"
export {
  AnswerCutOff,
  ConnectFailed,
  ConnectionLost,
  type Delivery,
  Forbidden,
  GatewayStatus,
  LinkDown,
  NoStream,
  NotJsonRpc,
  OtherPrincipal,
  OutOfDescriptors,
  RateLimited,
  RelayFailure,
  RelayFailureReason,
  SessionLost,
  SessionRefused,
  Silent,
  TimedOut,
  Unauthorized
} from "./relay/RelayFailure.ts"
export { type RelaySession, RelaySessions } from "./relay/session/RelaySession.ts"
export type { Incoming, IncomingBytes } from "./relay/transport/Incoming.ts"
export { type Attempt, type RelayAnswer, type RelayBody, RelayTransport } from "./relay/transport/RelayTransport.ts"

// The queue.
export type { Entry, EntryFilter, EntryState } from "./outbox/Entry.ts"
export { Outbox, OutboxRefused, type Submission } from "./outbox/Outbox.ts"
export { OutboxStore } from "./outbox/store/OutboxStore.ts"
export * as SqliteOutboxStore from "./outbox/store/SqliteStore.ts"

// What happened.
export { CursorAhead, Journal } from "./journal/Journal.ts"
export { JournalRecord } from "./journal/JournalRecord.ts"
export { type HappeningType, payloads as journalPayloads } from "./observability/Happenings.ts"

// Messages from outside.
export { Inbox, type InboxFilter, type Received } from "./inbox/Inbox.ts"
export { type InboxMessage, InboxRefused, type NewMessage } from "./inbox/InboxMessage.ts"

// Tokens and credentials.
export { Credentials } from "./credentials/Credentials.ts"
export {
  type CredentialSource,
  CredentialSources,
  CredentialUnavailable,
  type IssuedCredential
} from "./credentials/CredentialSources.ts"
export { RuntimeCredentials, type Turn } from "./credentials/RuntimeCredentials.ts"
export * as SettingsCredentialSources from "./credentials/SettingsCredentialSources.ts"
export { LiveToken, type Token, type TokenStatus } from "./token/LiveToken.ts"
export { type IssuedToken, type TokenSource, TokenSourceFailed } from "./token/sources/TokenSource.ts"
