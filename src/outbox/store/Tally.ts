/**
 * How many entries there are, in which states, and how large: kept by counting changes, never by asking the disk.
 *
 * Follows each commit at once. Room is reserved before an entry is written, so that entries that arrive together cannot
 * exceed the bounds together.
 */
import { Context, Effect, Layer } from "effect"
import { bytes, Settings } from "../../config/Settings.ts"
import type { Change, RowState, Slip } from "./Row.ts"

const waiting: ReadonlyArray<RowState | undefined> = ["pending", "inflight", "held", "parked"]
const bounded: ReadonlyArray<RowState> = ["pending", "inflight", "held", "parked", "dead"]

export class Tally extends Context.Service<Tally, {
  readonly apply: (change: Change) => void
  readonly of: (state: RowState) => number
  /** Of all that the bounds count. */
  readonly bytes: () => number
  /** When the entry that has waited longest was accepted. */
  readonly oldestAt: () => number | undefined
  /** Dead letters that the agent has not been told of. */
  readonly untold: (agent: string) => number
  readonly told: (agent: string, letters: number) => void
  /** Whether there was room; then it is taken until `free`. */
  readonly reserve: (bytes: number) => boolean
  readonly free: (bytes: number) => void
}>()("holdfast/outbox/Tally") {
  static readonly layer = Layer.effect(
    Tally,
    Effect.map(Settings, ({ outbox }) => {
      const states = new Map<RowState, number>()
      const since = new Map<number, number>()
      const untold = new Map<string, number>()
      const most = bytes(outbox.maxBytes)
      let size = 0
      let reservedEntries = 0
      let reservedBytes = 0

      const of = (state: RowState) => states.get(state) ?? 0
      const entries = () => bounded.reduce((sum, state) => sum + of(state), 0)
      const addUntold = (agent: string, letters: number) => {
        const left = (untold.get(agent) ?? 0) + letters
        if (left > 0) untold.set(agent, left)
        else untold.delete(agent)
      }
      const count = (state: RowState | undefined, slip: Slip, by: 1 | -1) => {
        if (state === undefined) return
        states.set(state, of(state) + by)
        if (bounded.includes(state)) size += by * slip.bytes
        if (state === "dead" && slip.told === 0) addUntold(slip.agent, by)
      }

      return Tally.of({
        apply: ({ from, slip, to }) => {
          count(from, slip, -1)
          count(to, slip, 1)
          if (!waiting.includes(to)) since.delete(slip.id)
          else if (!waiting.includes(from)) since.set(slip.id, slip.occurred_at)
        },
        of,
        bytes: () => size,
        oldestAt: () => since.values().next().value,
        untold: (agent) => untold.get(agent) ?? 0,
        told: (agent, letters) => addUntold(agent, -letters),
        reserve: (bytes) => {
          if (entries() + reservedEntries >= outbox.maxEntries || size + reservedBytes + bytes > most) return false
          reservedEntries++
          reservedBytes += bytes
          return true
        },
        free: (bytes) => {
          reservedEntries--
          reservedBytes -= bytes
        }
      })
    })
  )
}
