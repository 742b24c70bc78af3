/**
 * Which entries wait or are in flight in each lane, in order: kept in memory by the commits, from what was on disk at the
 * start. An index of the table would have to be written at another page for nearly each entry, coming and going.
 *
 * It follows after a commit. So within one, what it says of a lane may be gone already: who claims looks at the row.
 */
import type { Change, RowState } from "./Row.ts"

export interface Place {
  readonly seq: number
  readonly id: number
}

export const isInLane = (state: RowState | undefined): boolean =>
  state === "pending" || state === "held" || state === "inflight"

const precedes = (one: Place, other: Place): boolean =>
  one.seq < other.seq || (one.seq === other.seq && one.id < other.id)

/** Entries nearly always come at the end and leave at the beginning. */
class Places {
  #all: Array<Place> = []
  #from = 0

  get size(): number {
    return this.#all.length - this.#from
  }

  /** The n-th from the head on, from 0. */
  at(index: number): Place | undefined {
    return this.#all[this.#from + index]
  }

  /** How many come before it. */
  before(place: Place): number {
    let low = this.#from
    let high = this.#all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const one = this.#all[middle]
      if (one !== undefined && precedes(one, place)) low = middle + 1
      else high = middle
    }
    return low - this.#from
  }

  add(place: Place): void {
    const last = this.#all.at(-1)
    if (last === undefined || precedes(last, place)) this.#all.push(place)
    else this.#all.splice(this.#from + this.before(place), 0, place)
  }

  remove(place: Place): void {
    const index = this.before(place)
    if (this.at(index)?.id !== place.id) return
    if (index > 0) this.#all.splice(this.#from + index, 1)
    else if (++this.#from * 2 > this.#all.length) {
      this.#all = this.#all.slice(this.#from)
      this.#from = 0
    }
  }
}

const none = new Places()

export class LaneOrder {
  readonly #lanes = new Map<string, Places>()

  apply({ from, row: { id, lane, seq }, to }: Change): void {
    if (isInLane(from) === isInLane(to)) return
    const places = this.#lanes.get(lane)
    if (isInLane(to)) {
      if (places === undefined) this.#lanes.set(lane, new Places())
      this.#lanes.get(lane)?.add({ seq, id })
      return
    }
    places?.remove({ seq, id })
    if (places?.size === 0) this.#lanes.delete(lane)
  }

  /** The n-th entry of a lane, from 0. */
  at(lane: string, index: number): Place | undefined {
    return this.#lanes.get(lane)?.at(index)
  }

  /** How many entries of its lane come before it. */
  before(lane: string, place: Place): number {
    return (this.#lanes.get(lane) ?? none).before(place)
  }
}
