/**
 * Which eras of the protocol the relay was found not to serve; forgotten at each outage, since servers get upgraded.
 *
 * A relay that serves both is spoken to in the era of whom the session stands for, so that nothing is lost in between.
 */
import { Context, Effect, Layer } from "effect"
import type { Era } from "../../domain/ProtocolVersion.ts"

export interface EraFinding {
  /** Counts up with each outage: what was found out before says nothing any more. */
  readonly outages: number
  /** The era to begin with, where the other is asked only if this one is refused. */
  readonly tried: (preferred: Era) => Era
}

/** One for each relay. */
export class RelayEra extends Context.Service<RelayEra, {
  readonly finding: Effect.Effect<EraFinding>
  /** How many outages there were so far. */
  readonly outages: () => number
  /** The relay refused to speak this era. */
  readonly refused: (era: Era) => Effect.Effect<void>
  /** The relay spoke this era. */
  readonly spoken: (era: Era) => Effect.Effect<void>
  /** The relay was away. */
  readonly forget: Effect.Effect<void>
}>()("holdfast/relay/RelayEra") {
  static readonly layer = Layer.sync(RelayEra, () => {
    const lacking = new Set<Era>()
    let outages = 0
    return RelayEra.of({
      outages: () => outages,
      finding: Effect.sync(() => ({
        outages,
        tried: (preferred) => lacking.has(preferred) && !lacking.has(other(preferred)) ? other(preferred) : preferred
      })),
      refused: (era) => Effect.sync(() => void lacking.add(era)),
      spoken: (era) => Effect.sync(() => void lacking.delete(era)),
      forget: Effect.sync(() => {
        lacking.clear()
        outages++
      })
    })
  })
}

export const other = (era: Era): Era => era === "legacy" ? "modern" : "legacy"
