/**
 * Which records say nothing that a later one does not say: progress of a call that was answered, but for the last; a
 * change of a link within a second of the next; a change of a session's menu within 250 ms of the agent's next.
 *
 * The later one says all of it (its `count`, its lists), and keeps its number, so that each cursor stays good: to replay
 * what was compacted gives what compacting the replay gives.
 */
import type { RecordSummary } from "./JournalTable.ts"

/** Milliseconds. */
export const linkFlap = 1_000
export const menuBurst = 250

/** Progress of calls that are under way, in all; of what is beyond that, all stays. */
const maxRemembered = 50_000

/** Sees each record once, in order. */
export class Compaction {
  readonly #progress = new Map<string, Array<number>>()
  readonly #latest = new Map<string, RecordSummary>()
  #remembered = 0

  /** Gives the numbers of those that are superfluous by now. */
  see(record: RecordSummary): ReadonlyArray<number> {
    switch (record.type) {
      case "call.progress":
        this.#remember(record)
        return []
      case "call.answered":
        return this.#forget(record.call ?? "").slice(0, -1)
      case "link.up":
      case "link.down":
        return this.#follows(`link ${record.relay}`, record, linkFlap)
      case "menu.changed":
        return this.#follows(`menu ${record.relay} ${record.subject}`, record, menuBurst)
      default:
        return []
    }
  }

  #follows(key: string, record: RecordSummary, window: number): ReadonlyArray<number> {
    const before = this.#latest.get(key)
    rememberNewest(this.#latest, key, record)
    return before !== undefined && isWithin(before.at, record.at, window) ? [before.seq] : []
  }

  #remember({ call, seq }: RecordSummary): void {
    if (call === null || this.#remembered >= maxRemembered) return
    this.#remembered++
    const seqs = this.#progress.get(call)
    if (seqs === undefined) this.#progress.set(call, [seq])
    else seqs.push(seq)
  }

  #forget(call: string): ReadonlyArray<number> {
    const seqs = this.#progress.get(call) ?? []
    this.#progress.delete(call)
    this.#remembered -= seqs.length
    return seqs
  }
}

/** Agents come and go; what was not in a burst for so long is forgotten. */
const maxBursts = 1_000

export const rememberNewest = <A>(latest: Map<string, A>, key: string, value: A): void => {
  latest.delete(key)
  latest.set(key, value)
  const [oldest] = latest.keys()
  if (latest.size > maxBursts && oldest !== undefined) latest.delete(oldest)
}

/** Not where the clock was set back meanwhile. */
export const isWithin = (before: number, after: number, millis: number): boolean =>
  after >= before && after - before < millis
