/**
 * Holdfast as a library: the daemon's runtime as a layer of another Effect program (BEHAVIOUR 12).
 *
 * `Holdfast.layer(options)` gives the whole runtime, listening; each actor's own layer is exported beside it and usable
 * alone. Time is Effect's `Clock`, so that `TestClock` drives everything above the transport.
 */
export { Agents, UnknownAgent } from "./agents/Agents.ts"
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
export { ContextEvent, ContextState, type Facts } from "./context/ContextState.ts"
export { transition } from "./context/transition.ts"
export { IllegalTransition, StaleEpoch, WorkspaceContexts } from "./context/WorkspaceContexts.ts"
export { Credentials } from "./credentials/Credentials.ts"
export { CredentialSources, CredentialUnavailable, type IssuedCredential } from "./credentials/CredentialSources.ts"
export { RuntimeCredentials, type Turn } from "./credentials/RuntimeCredentials.ts"
export { AgentName, defaultAgent, defaultRelay, PrincipalId, RelayId, SessionId } from "./domain/Ids.ts"
export { Holdfast, type HoldfastOptions } from "./Holdfast.ts"
export { KeptLists } from "./menu/KeptLists.ts"
export type { Entry, EntryState } from "./outbox/Entry.ts"
export { Outbox, OutboxRefused, type Submission } from "./outbox/Outbox.ts"
export { LinkState, RelayLink } from "./relay/link/RelayLink.ts"
export { RelayProbe } from "./relay/link/RelayProbe.ts"
export { RelayClient } from "./relay/RelayClient.ts"
export { RelayFailure } from "./relay/RelayFailure.ts"
export { type RelaySession, RelaySessions } from "./relay/session/RelaySession.ts"
export { type Attempt, type RelayAnswer, RelayTransport } from "./relay/transport/RelayTransport.ts"
export { Relays } from "./runner/Relays.ts"
export { FiberEscalated, Supervisor } from "./supervision/Supervisor.ts"
export { LiveToken, type Token, type TokenStatus } from "./token/LiveToken.ts"
export * as SettingsCredentialSources from "./token/SettingsCredentialSources.ts"
export type { TokenSource } from "./token/sources/TokenSource.ts"
