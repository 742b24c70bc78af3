/** What one stream remembers of its events, in order; bookkeeping without effects. */
import { ownText } from "../../domain/OwnText.ts"

export interface Kept {
  readonly sequence: number
  readonly data: string
  readonly supersedes: string | undefined
  readonly cost: number
  /** A later event of its kind has come. */
  superseded: boolean
}

/** About what an event costs besides its data. */
const overhead = 64

export class ReplayBuffer {
  #kept: Array<Kept> = []
  #latest: Map<string, Kept> | undefined
  #hasSuperseded = false
  bytes = 0
  /** The newest event's sequence; the first one is 1. */
  last = 0
  /** All up to here is gone, and some of it was not superfluous. */
  lostThrough = 0

  add(data: string, supersedes: string | undefined): void {
    const cost = data.length + overhead
    const kept = { sequence: ++this.last, data: ownText(data), supersedes, cost, superseded: false }
    this.#kept.push(kept)
    this.bytes += kept.cost
    if (supersedes === undefined) return
    this.#latest ??= new Map()
    const earlier = this.#latest.get(supersedes)
    if (earlier !== undefined) {
      earlier.superseded = true
      this.#hasSuperseded = true
    }
    this.#latest.set(supersedes, kept)
  }

  /** The oldest one kept behind `position`; of those up to `replayed` none that is superseded. */
  after(position: number, replayed: number): Kept | undefined {
    for (let index = this.#firstAfter(position); index < this.#kept.length; index++) {
      const kept = this.#kept[index]
      if (kept !== undefined && !(kept.superseded && kept.sequence <= replayed)) return kept
    }
    return undefined
  }

  bytesAfter(position: number): number {
    let sum = 0
    for (let index = this.#firstAfter(position); index < this.#kept.length; index++) sum += this.#kept[index]?.cost ?? 0
    return sum
  }

  /** Frees at least `excess` bytes, if events up to `through` suffice: superseded ones first, then the oldest. */
  drop(through: number, excess: number): void {
    if (excess <= 0) return
    const enough = this.bytes - excess
    if (this.#hasSuperseded) this.#dropSuperseded(through)
    let count = 0
    while (this.bytes > enough) {
      const oldest = this.#kept[count]
      if (oldest === undefined || oldest.sequence > through) break
      this.#forget(oldest)
      this.lostThrough = oldest.sequence
      count++
    }
    if (count > 0) this.#kept.splice(0, count)
  }

  #dropSuperseded(through: number): void {
    this.#hasSuperseded = false
    this.#kept = this.#kept.filter((kept) => {
      if (!kept.superseded) return true
      const stays = kept.sequence > through
      if (stays) this.#hasSuperseded = true
      else this.#forget(kept)
      return stays
    })
  }

  #forget(kept: Kept): void {
    this.bytes -= kept.cost
    if (kept.supersedes !== undefined && this.#latest?.get(kept.supersedes) === kept) {
      this.#latest.delete(kept.supersedes)
    }
  }

  #firstAfter(position: number): number {
    let low = 0
    let high = this.#kept.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#kept[middle]?.sequence ?? Infinity) > position) high = middle
      else low = middle + 1
    }
    return low
  }
}
