/**
 * How many entries there are, in which states, and how large: kept by counting changes, never by asking the disk.
 *
 * Follows each commit at once. Room is reserved before an entry is written, so that entries that arrive together cannot
 * exceed the bounds together.
 */
import { bytes, type SettingsValues } from "../../config/Settings.ts"
import { AgentName } from "../../domain/Ids.ts"
import type { DeliveredEntries } from "./DeliveredEntries.ts"
import { Room } from "./Room.ts"
import type { Change, RowState, RowSummary } from "./Row.ts"

const isWaiting = (state: RowState | undefined): boolean =>
  state !== undefined && state !== "dead" && state !== "delivered"

export class Counters {
  private readonly states = new Map<RowState, number>()
  private readonly waitingSince = new Map<number, number>()
  private readonly unreportedOf = new Map<string, number>()
  /** What waits or is about to be written, and dead letters: each in a bound of its own. */
  private readonly waiting: Room
  private readonly dead: Room

  readonly delivered: DeliveredEntries

  constructor(
    { maxBytes, maxEntries }: Pick<SettingsValues["outbox"], "maxBytes" | "maxEntries">,
    delivered: DeliveredEntries
  ) {
    this.delivered = delivered
    const bound = { entries: maxEntries, bytes: bytes(maxBytes) }
    this.waiting = new Room(bound)
    this.dead = new Room(bound)
  }

  /** Of those that are delivered nothing else is ever asked. */
  startWith(delivered: number): void {
    this.states.set("delivered", this.of("delivered") + delivered)
  }

  apply({ from, row, to }: Change): void {
    this.count(from, row, -1)
    this.count(to, row, 1)
    if (to === "delivered") this.delivered.add(row.agent, row.id, row.bytes + (row.answered ?? 0))
    else if (from === "delivered") this.delivered.remove(row.agent, row.id)
    if (!isWaiting(to)) this.waitingSince.delete(row.id)
    else if (!isWaiting(from)) this.waitingSince.set(row.id, row.occurred_at)
  }

  of(...states: ReadonlyArray<RowState>): number {
    return states.reduce((sum, state) => sum + (this.states.get(state) ?? 0), 0)
  }

  /** Of all that the bounds count. */
  bytes(): number {
    return this.waiting.bytes + this.dead.bytes
  }

  /** When the entry that has waited longest was accepted. */
  oldestAt(): number | undefined {
    return this.waitingSince.values().next().value
  }

  /** Whose entries wait. */
  agents(): ReadonlyArray<AgentName> {
    return this.waiting.agents.map((agent) => AgentName.make(agent))
  }

  /** Dead letters that the agent does not know of. */
  unreported(agent: string): number {
    return this.unreportedOf.get(agent) ?? 0
  }

  /** Whether there was room for an entry of the agent's, which may become a dead letter; then it is taken until `free`. */
  reserve(agent: string, bytes: number): "reserved" | "full" | "full of dead letters" {
    const one = { entries: 1, bytes }
    if (!this.dead.fits(agent, one)) return "full of dead letters"
    if (!this.waiting.fits(agent, one)) return "full"
    this.waiting.add(agent, one)
    return "reserved"
  }

  free(agent: string, bytes: number): void {
    this.waiting.take(agent, { entries: 1, bytes })
  }

  private count(state: RowState | undefined, row: RowSummary, by: 1 | -1): void {
    if (state === undefined) return
    this.states.set(state, (this.states.get(state) ?? 0) + by)
    const room = state === "dead" ? this.dead : isWaiting(state) ? this.waiting : undefined
    if (by > 0) room?.add(row.agent, { entries: 1, bytes: row.bytes })
    else room?.take(row.agent, { entries: 1, bytes: row.bytes })
    if (state !== "dead" || row.told !== 0) return
    const left = this.unreported(row.agent) + by
    if (left > 0) this.unreportedOf.set(row.agent, left)
    else this.unreportedOf.delete(row.agent)
  }
}
