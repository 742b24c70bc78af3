/**
 * What each agent has had delivered in this life of the process, so that none fills the disk with it: beyond a bound its
 * oldest are surplus. What an earlier life delivered goes with its age.
 */
import { Context, Latch } from "effect"

export const DeliveredBounds = Context.Reference<{ readonly entries: number; readonly bytes: number }>(
  "holdfast/outbox/DeliveredBounds",
  { defaultValue: () => ({ entries: 10_000, bytes: 64 * 1024 * 1024 }) }
)

interface OfAgent {
  /** By id, the oldest first. */
  readonly sizes: Map<number, number>
  bytes: number
}

/** Removed together. */
const batchSize = 100

export class DeliveredEntries {
  readonly #bounds: { readonly entries: number; readonly bytes: number }
  readonly #agents = new Map<string, OfAgent>()
  #surplus: Array<number> = []
  /** Open while a batch of them waits to be removed. */
  readonly hasSurplus = Latch.makeUnsafe(false)

  constructor(bounds: { readonly entries: number; readonly bytes: number }) {
    this.#bounds = bounds
  }

  add(agent: string, id: number, bytes: number): void {
    const own = this.#agents.get(agent) ?? { sizes: new Map<number, number>(), bytes: 0 }
    this.#agents.set(agent, own)
    own.sizes.set(id, bytes)
    own.bytes += bytes
    for (const [oldest, size] of own.sizes) {
      if (own.sizes.size <= this.#bounds.entries && own.bytes <= this.#bounds.bytes) break
      own.sizes.delete(oldest)
      own.bytes -= size
      this.#surplus.push(oldest)
    }
    if (this.#surplus.length >= batchSize) this.hasSurplus.openUnsafe()
  }

  remove(agent: string, id: number): void {
    const own = this.#agents.get(agent)
    const size = own?.sizes.get(id)
    if (own === undefined || size === undefined) return
    own.sizes.delete(id)
    own.bytes -= size
    if (own.sizes.size === 0) this.#agents.delete(agent)
  }

  /** The oldest of what is to be removed. */
  takeSurplus(): ReadonlyArray<number> {
    const taken = this.#surplus.splice(0, batchSize)
    if (this.#surplus.length < batchSize) this.hasSurplus.closeUnsafe()
    return taken
  }
}
