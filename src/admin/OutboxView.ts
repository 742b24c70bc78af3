/** The outbox as the admin API tells it. */
import { Option, Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { Entry } from "../outbox/Entry.ts"
import type { OutboxStats } from "../outbox/Outbox.ts"
import { Instant, instant, instantOrNull } from "./Instant.ts"

export const EntryStateView = Schema.Literals(["pending", "inflight", "held", "dead", "delivered"])

export const OutboxStatsView = Schema.Struct({
  pending: Schema.Int,
  inflight: Schema.Int,
  held: Schema.Int,
  dead: Schema.Int,
  delivered: Schema.Int,
  bytes: Schema.Int,
  oldestAt: Schema.NullOr(Instant),
  /** Whether the last write to the disk worked; while it did not, enqueues are refused. */
  writable: Schema.Boolean
})
export type OutboxStatsView = typeof OutboxStatsView.Type

/** Held calls of an agent that were accepted for one principal and are held for one reason. */
export const HeldView = Schema.Struct({
  agent: AgentName,
  /** The digest of whom they were accepted for. */
  principal: Schema.String,
  reason: Schema.String,
  count: Schema.Int
})
export type HeldView = typeof HeldView.Type

/** One entry without what was said: arguments are told only by `show`. */
export const EntryView = Schema.Struct({
  id: Schema.Int,
  relay: RelayId,
  agent: AgentName,
  lane: Schema.String,
  tool: Schema.String,
  key: Schema.String,
  state: EntryStateView,
  bytes: Schema.Int,
  attempts: Schema.Int,
  occurredAt: Instant,
  /** Not tried before. */
  visibleAt: Instant,
  settledAt: Schema.NullOr(Instant),
  /** Why it is held or dead. */
  reason: Schema.NullOr(Schema.String),
  lastError: Schema.NullOr(Schema.String),
  destination: Schema.String,
  principal: Schema.String,
  onUnknown: Schema.Literals(["resend", "dead"])
})
export type EntryView = typeof EntryView.Type

/** One entry with the JSON-RPC text that is sent and, of a delivered one, the relay's result. */
export const EntryDetail = Schema.Struct({
  ...EntryView.fields,
  request: Schema.String,
  result: Schema.NullOr(Schema.String)
})
export type EntryDetail = typeof EntryDetail.Type

/** In order of id; `next` is what `after` should be for the following page. */
export const EntryPage = Schema.Struct({
  entries: Schema.Array(EntryView),
  next: Schema.NullOr(Schema.Int)
})
export type EntryPage = typeof EntryPage.Type

/** As an `EntryPage`, with what was said. */
export const DetailPage = Schema.Struct({
  entries: Schema.Array(EntryDetail),
  next: Schema.NullOr(Schema.Int)
})

export const statsView = (stats: OutboxStats): OutboxStatsView => ({
  pending: stats.pending,
  inflight: stats.inflight,
  held: stats.held,
  dead: stats.dead,
  delivered: stats.delivered,
  bytes: stats.bytes,
  oldestAt: instantOrNull(stats.oldestAt),
  writable: stats.writable
})

/** Those that are alike, counted. */
export const grouped = (held: ReadonlyArray<Omit<HeldView, "count">>): ReadonlyArray<HeldView> => {
  const views = new Map<string, HeldView>()
  for (const { agent, principal, reason } of held) {
    const key = JSON.stringify([agent, principal, reason])
    views.set(key, { agent, principal, reason, count: (views.get(key)?.count ?? 0) + 1 })
  }
  return [...views.values()]
}

export const heldView = ({ agent, principal, reason }: Entry): Omit<HeldView, "count"> => ({
  agent,
  principal,
  reason: Option.getOrElse(reason, () => "no reason known")
})

export const entryView = (relay: RelayId, entry: Entry): EntryView => ({
  id: entry.id,
  relay,
  agent: entry.agent,
  lane: entry.lane,
  tool: entry.tool,
  key: entry.key,
  state: entry.state,
  bytes: entry.bytes,
  attempts: entry.attempts,
  occurredAt: instant(entry.occurredAt),
  visibleAt: instant(entry.visibleAt),
  settledAt: instantOrNull(entry.settledAt),
  reason: Option.getOrNull(entry.reason),
  lastError: Option.getOrNull(entry.lastError),
  destination: entry.destination,
  principal: entry.principal,
  onUnknown: entry.onUnknown
})

export const entryDetail = (relay: RelayId, entry: Entry): EntryDetail => ({
  ...entryView(relay, entry),
  request: entry.request,
  result: Option.getOrNull(entry.result)
})
