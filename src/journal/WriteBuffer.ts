/**
 * Records that are not on disk yet, in order and bounded. What finds no room pushes out the oldest: these are lost, and a
 * gap says which.
 */
import type { Happening } from "../observability/Happenings.ts"

/** A record before its payload is put into text, which is not done on the way of a call. */
export interface Pending {
  readonly seq: number
  readonly at: number
  readonly happening: Happening
}

export interface Lost {
  readonly from: number
  readonly to: number
}

/** Characters in all; a record without content is rarely longer than what is counted for it. */
const maxSize = 4 * 1024 * 1024
const perRecord = 400
/** What is pushed out at once. */
const batchSize = 200

const sizeOf = ({ happening: { payload } }: Pending): number =>
  perRecord + ("content" in payload ? payload.content?.length ?? 0 : 0)

const union = (one: Lost | undefined, other: Lost): Lost =>
  one === undefined ? other : { from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) }

export class WriteBuffer {
  #records: Array<Pending> = []
  #size = 0
  #lost: Lost | undefined

  get isEmpty(): boolean {
    return this.#records.length === 0 && this.#lost === undefined
  }

  add(record: Pending): void {
    this.#records.push(record)
    this.#size += sizeOf(record)
    while (this.#size > maxSize) this.#lose(this.#take(batchSize))
  }

  /** The oldest ones, and what was lost before them. */
  take(max: number): { readonly lost: Lost | undefined; readonly records: ReadonlyArray<Pending> } {
    const lost = this.#lost
    this.#lost = undefined
    return { lost, records: this.#take(max) }
  }

  /** They could not be written. */
  giveBack({ lost, records }: ReturnType<WriteBuffer["take"]>): void {
    // What was lost meanwhile came after them, and a gap has no holes.
    if (this.#lost !== undefined) this.#lose(records)
    else {
      this.#records.unshift(...records)
      for (const record of records) this.#size += sizeOf(record)
    }
    if (lost !== undefined) this.#lost = union(this.#lost, lost)
  }

  #take(max: number): ReadonlyArray<Pending> {
    const taken = this.#records.splice(0, max)
    for (const record of taken) this.#size -= sizeOf(record)
    return taken
  }

  #lose(records: ReadonlyArray<Pending>): void {
    const [first] = records
    const last = records.at(-1)
    if (first !== undefined && last !== undefined) this.#lost = union(this.#lost, { from: first.seq, to: last.seq })
  }
}
