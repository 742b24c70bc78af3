/** The lanes of the queues in which calls are under way, as the admin API tells them. */
import { Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { LaneSummary } from "../outbox/Outbox.ts"
import { Instant, instant } from "./Instant.ts"

export const LaneView = Schema.Struct({
  relay: RelayId,
  lane: Schema.String,
  agent: AgentName,
  /** Calls that wait in it, queued or in line. */
  backlog: Schema.Int,
  /** A call of it is on its way. */
  busy: Schema.Boolean,
  /** When its head is tried again; `null` where it is its turn, or it waits for something else than time. */
  nextAt: Schema.NullOr(Instant)
})
export type LaneView = typeof LaneView.Type

export const LanesView = Schema.Struct({
  count: Schema.Int,
  /** The longest 200. */
  lanes: Schema.Array(LaneView)
})
export type LanesView = typeof LanesView.Type

export const laneView = (relay: RelayId, { agent, backlog, busy, lane, notBefore }: LaneSummary): LaneView => ({
  relay,
  lane,
  agent,
  backlog,
  busy,
  nextAt: notBefore > 0 && Number.isFinite(notBefore) ? instant(notBefore) : null
})
