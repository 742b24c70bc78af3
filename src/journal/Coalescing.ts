/**
 * Progress of calls on its way to one reader who follows: of a call the last one leaves, after 100 ms at most or with 4
 * KiB. Anything else sends off what waits, so that the order of the numbers holds.
 */
import { Option, Schema } from "effect"
import type { StoredRecord } from "./JournalRecord.ts"

/** Milliseconds. */
const maxWait = 100
const maxBytes = 4096

const callOf = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ call: Schema.String })))

export class Coalescing {
  readonly #now: () => number
  /** By call, in the order of their numbers. */
  readonly #waiting = new Map<string, StoredRecord>()
  #bytes = 0
  #dueAt = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Milliseconds until what waits is to leave; `undefined` where nothing does. */
  get dueIn(): number | undefined {
    return this.#waiting.size === 0 ? undefined : Math.max(0, this.#dueAt - this.#now())
  }

  /** Gives what leaves now. */
  add(records: ReadonlyArray<StoredRecord>): ReadonlyArray<StoredRecord> {
    const leaving: Array<StoredRecord> = []
    for (const record of records) {
      if (record.type !== "call.progress") {
        leaving.push(...this.flush(), record)
        continue
      }
      if (this.#waiting.size === 0) this.#dueAt = this.#now() + maxWait
      const call = Option.match(callOf(record.payload), { onNone: () => "", onSome: ({ call }) => call })
      // Those that were superseded count, too: a reader hears something once there was much to hear.
      this.#bytes += record.payload.length
      this.#waiting.delete(call)
      this.#waiting.set(call, record)
      if (this.#bytes >= maxBytes) leaving.push(...this.flush())
    }
    if (this.dueIn === 0) leaving.push(...this.flush())
    return leaving
  }

  flush(): ReadonlyArray<StoredRecord> {
    const leaving = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#bytes = 0
    return leaving
  }
}
