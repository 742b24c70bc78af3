/** The MCP sessions of agents, as the admin API tells them. */
import { Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { SessionSummary } from "../mcp/sessions/AgentSessions.ts"
import { Instant, instant } from "./Instant.ts"

export const SessionView = Schema.Struct({
  relay: RelayId,
  /** The beginning of its id: whole it would let somebody speak in it. */
  session: Schema.String,
  agent: AgentName,
  /** `clientInfo` of its initialize; empty where it said none. */
  client: Schema.String,
  clientVersion: Schema.String,
  protocol: Schema.String,
  /** Connections that read its stream. */
  streams: Schema.Int,
  /** `null` for an agent of the modern era, which has no session: from its last use on. */
  openedAt: Schema.NullOr(Instant),
  usedAt: Instant
})
export type SessionView = typeof SessionView.Type

export const sessionView = (
  relay: RelayId,
  { id, openedAt, usedAt, ...rest }: SessionSummary
): SessionView => ({
  relay,
  session: id.slice(0, 8),
  ...rest,
  openedAt: openedAt === null ? null : instant(openedAt),
  usedAt: instant(usedAt)
})
