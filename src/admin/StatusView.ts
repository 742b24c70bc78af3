/** The daemon at a glance, as the admin API tells it. */
import { Option, Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { LinkState } from "../relay/link/RelayLink.ts"
import type { FiberStatus } from "../supervision/Supervisor.ts"
import { CredentialView } from "./CredentialView.ts"
import { Instant, instant } from "./Instant.ts"
import { HeldView, OutboxStatsView } from "./OutboxView.ts"
import { TokenView } from "./TokenView.ts"
import { PinnedView } from "./UnapprovedTools.ts"
import { UplinkView } from "./UplinkView.ts"

// What is known of a relay, as the admin API tells it.

export const LinkView = Schema.Union([
  Schema.Struct({ state: Schema.Literal("up"), since: Instant }),
  Schema.Struct({
    state: Schema.Literal("down"),
    since: Instant,
    attempts: Schema.Int,
    nextProbeAt: Instant,
    why: Schema.String,
    /** What to try, where there is more to say than to wait. */
    hint: Schema.optionalKey(Schema.String)
  })
])
export type LinkView = typeof LinkView.Type

export const linkView = (link: LinkState): LinkView =>
  link._tag === "Up"
    ? { state: "up", since: instant(link.since) }
    : {
      state: "down",
      since: instant(link.since),
      attempts: link.attempts,
      nextProbeAt: instant(link.nextProbeAt),
      why: link.why,
      ...(link.hint === undefined ? {} : { hint: link.hint })
    }

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
  /** Of the first 1000 calls that are held; older daemons do not say. */
  held: Schema.optionalKey(Schema.Array(HeldView)),
  /** How many definitions are approved, and how many tools wait for that; `null` where tools are not pinned; older daemons do not say. */
  pinnedTools: Schema.optionalKey(PinnedView),
  /** MCP sessions that agents hold, and how many of them have a stream open. */
  sessions: Schema.Struct({ count: Schema.Int, streams: Schema.Int })
})
export type RelayView = typeof RelayView.Type

export const DaemonView = Schema.Struct({
  version: Schema.String,
  pid: Schema.Int,
  startedAt: Instant,
  url: Schema.String,
  /** Who keeps the port bound while no daemon runs. */
  portHeldBy: Schema.Literals(["nobody", "systemd", "supervisor"]),
  /** The parent process that starts the daemon again; how often it did, and how the last one ended. */
  supervisor: Schema.NullOr(
    Schema.Struct({ pid: Schema.Int, restarts: Schema.Int, lastEnd: Schema.NullOr(Schema.String) })
  )
})
export type DaemonView = typeof DaemonView.Type

export const StatusView = Schema.Struct({
  daemon: DaemonView,
  agents: Schema.Array(AgentName),
  relays: Schema.Array(RelayView),
  /** For git, gh and commands; never a secret. */
  credentials: Schema.Array(CredentialView),
  /** Where there are any. */
  uplinks: Schema.optionalKey(Schema.Array(UplinkView)),
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
