/** The daemon at a glance, as the admin API tells it. */
import { Option, Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { FiberStatus } from "../supervision/Supervisor.ts"
import { CredentialView } from "./CredentialView.ts"
import { Instant, instant } from "./Instant.ts"
import { LinkView } from "./LinkView.ts"
import { OutboxStatsView } from "./OutboxView.ts"
import { TokenView } from "./TokenView.ts"

export const FiberView = Schema.Struct({
  name: Schema.String,
  state: Schema.Literals(["running", "restarting", "ended"]),
  restarts: Schema.Int,
  startedAt: Instant,
  lastFailure: Schema.NullOr(Schema.Struct({ at: Instant, cause: Schema.String }))
})
export type FiberView = typeof FiberView.Type

export const RelayView = Schema.Struct({
  id: RelayId,
  url: Schema.String,
  link: LinkView,
  /** Of each agent. */
  tokens: Schema.Array(TokenView),
  outbox: OutboxStatsView,
  /** MCP sessions that agents hold, and how many of them have a stream open. */
  sessions: Schema.Struct({ count: Schema.Int, streams: Schema.Int })
})
export type RelayView = typeof RelayView.Type

export const StatusView = Schema.Struct({
  daemon: Schema.Struct({ version: Schema.String, pid: Schema.Int, startedAt: Instant, url: Schema.String }),
  agents: Schema.Array(AgentName),
  relays: Schema.Array(RelayView),
  /** For git, gh and commands; never a secret. */
  credentials: Schema.Array(CredentialView),
  fibers: Schema.Array(FiberView)
})
export type StatusView = typeof StatusView.Type

export const fiberView = (fiber: FiberStatus): FiberView => ({
  name: fiber.name,
  state: fiber.state,
  restarts: fiber.restarts,
  startedAt: instant(fiber.startedAt),
  lastFailure: Option.match(fiber.lastFailure, {
    onNone: () => null,
    onSome: ({ at, cause }) => ({ at: instant(at), cause })
  })
})
