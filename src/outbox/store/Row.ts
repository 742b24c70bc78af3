/** An entry as it stands in the table. */
import { Option } from "effect"
import { AgentName, PrincipalId } from "../../domain/Ids.ts"
import type { Entry, EntryState, EntryUpdate } from "../Entry.ts"

/** `held` stands at the head of its lane and holds it; `parked` is out of it until its principal or relay is back. */
export type RowState = EntryState | "parked"

export interface Row {
  readonly id: number
  readonly seq: number
  readonly agent: string
  readonly lane: string
  readonly tool: string
  readonly key: string
  readonly arguments_hash: string
  readonly state: RowState
  readonly request: string
  readonly bytes: number
  readonly principal: string
  readonly destination: string
  readonly on_unknown: "resend" | "dead"
  readonly epoch: number | null
  readonly occurred_at: number
  readonly attempts: number
  readonly failures: number
  readonly visible_at: number
  readonly reason: string | null
  readonly last_error: string | null
  readonly result: string | null
  readonly settled_at: number | null
  /** Of a dead letter: 1 where its agent knows. */
  readonly told: number
}

/** What counters and lanes need to know of a row. */
export type RowSummary = Pick<Row, "id" | "seq" | "agent" | "lane" | "bytes" | "occurred_at" | "told"> & {
  /** Characters of the result that it was delivered with just now. */
  readonly answered?: number
}

/** The columns of a `RowSummary`. */
export const summaryColumns = "id, seq, agent, lane, bytes, occurred_at, told"

// Word for word the conditions of the indexes `outbox_apart` and `outbox_age`, without which SQLite does not use them.

/** Neither pending nor delivered. */
export const apart = "state IN ('inflight', 'held', 'parked', 'dead')"
export const isPending = "state = 'pending'"

/** One row that came, changed its state, or went. */
export interface Change {
  readonly from: RowState | undefined
  readonly to: RowState | undefined
  readonly row: RowSummary
}

/** Of the summary's columns and the state, as SQLite gives them. */
export const changeAtStart = (values: ReadonlyArray<unknown>): Change => {
  const [id, seq, agent, lane, bytes, occurred_at, told, state] = values as SummaryValues
  return { from: undefined, to: state, row: { id, seq, agent, lane, bytes, occurred_at, told } }
}

type SummaryValues = readonly [
  id: number,
  seq: number,
  agent: string,
  lane: string,
  bytes: number,
  occurred_at: number,
  told: number,
  state: RowState
]

export const changes = (
  from: RowState | undefined,
  to: RowState | undefined,
  rows: ReadonlyArray<RowSummary>
): ReadonlyArray<Change> => rows.map((row) => ({ from, to, row }))

export const entryOf = (row: Row): Entry => ({
  id: row.id,
  seq: row.seq,
  agent: AgentName.make(row.agent),
  lane: row.lane,
  tool: row.tool,
  key: row.key,
  state: row.state === "parked" ? "held" : row.state,
  request: row.request,
  bytes: row.bytes,
  principal: PrincipalId.make(row.principal),
  destination: row.destination,
  onUnknown: row.on_unknown,
  epoch: Option.fromNullishOr(row.epoch),
  occurredAt: row.occurred_at,
  attempts: row.attempts,
  visibleAt: row.visible_at,
  reason: Option.fromNullishOr(row.reason),
  lastError: Option.fromNullishOr(row.last_error),
  result: Option.fromNullishOr(row.result),
  settledAt: Option.fromNullishOr(row.settled_at)
})

export const summaryOf = (entry: Entry, { reported, result }: EntryUpdate): RowSummary => ({
  id: entry.id,
  seq: entry.seq,
  agent: entry.agent,
  lane: entry.lane,
  bytes: entry.bytes,
  occurred_at: entry.occurredAt,
  told: reported ? 1 : 0,
  ...result !== null && { answered: result.length }
})
