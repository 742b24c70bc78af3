/**
 * How many entries there are, in which states, and how large: kept by counting changes, never by asking the disk.
 *
 * Follows each commit at once. Room is reserved before an entry is written, so that entries that arrive together cannot
 * exceed the bounds together.
 */
import { bytes, type SettingsValues } from "../../config/Settings.ts"
import type { Change, RowState, RowSummary } from "./Row.ts"

const waiting: ReadonlyArray<RowState | undefined> = ["pending", "inflight", "held", "parked"]
const bounded: ReadonlyArray<RowState> = ["pending", "inflight", "held", "parked", "dead"]

export class Counters {
  private readonly states = new Map<RowState, number>()
  private readonly waitingSince = new Map<number, number>()
  private readonly unreportedOf = new Map<string, number>()
  private readonly maxEntries: number
  private readonly maxBytes: number
  private size = 0
  private reservedEntries = 0
  private reservedBytes = 0

  constructor({ maxBytes, maxEntries }: Pick<SettingsValues["outbox"], "maxBytes" | "maxEntries">) {
    this.maxEntries = maxEntries
    this.maxBytes = bytes(maxBytes)
  }

  apply({ from, row, to }: Change): void {
    this.count(from, row, -1)
    this.count(to, row, 1)
    if (!waiting.includes(to)) this.waitingSince.delete(row.id)
    else if (!waiting.includes(from)) this.waitingSince.set(row.id, row.occurred_at)
  }

  of(...states: ReadonlyArray<RowState>): number {
    return states.reduce((sum, state) => sum + (this.states.get(state) ?? 0), 0)
  }

  /** Of all that the bounds count. */
  bytes(): number {
    return this.size
  }

  /** When the entry that has waited longest was accepted. */
  oldestAt(): number | undefined {
    return this.waitingSince.values().next().value
  }

  /** Dead letters that the agent does not know of. */
  unreported(agent: string): number {
    return this.unreportedOf.get(agent) ?? 0
  }

  /** Whether there was room; then it is taken until `free`. */
  reserve(bytes: number): boolean {
    if (this.of(...bounded) + this.reservedEntries >= this.maxEntries) return false
    if (this.size + this.reservedBytes + bytes > this.maxBytes) return false
    this.reservedEntries++
    this.reservedBytes += bytes
    return true
  }

  free(bytes: number): void {
    this.reservedEntries--
    this.reservedBytes -= bytes
  }

  private count(state: RowState | undefined, row: RowSummary, by: 1 | -1): void {
    if (state === undefined) return
    this.states.set(state, this.of(state) + by)
    if (bounded.includes(state)) this.size += by * row.bytes
    if (state !== "dead" || row.told !== 0) return
    const left = this.unreported(row.agent) + by
    if (left > 0) this.unreportedOf.set(row.agent, left)
    else this.unreportedOf.delete(row.agent)
  }
}
