/** The writes that the relay accepted, in order: a line each, on disk before anybody is answered. */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs"

export interface LedgerEntry {
  readonly id: string
  readonly tool: string
  readonly key: string | null
  readonly arguments: Readonly<Record<string, unknown>>
  readonly agent: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A last line that a crash cut short was never answered, so it does not count. */
export const readLedger = (file: string): ReadonlyArray<LedgerEntry> =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1).flatMap(parseLine) : []

const parseLine = (line: string): ReadonlyArray<LedgerEntry> => {
  try {
    const entry: LedgerEntry = JSON.parse(line)
    return [entry]
  } catch {
    return []
  }
}

const identity = (entry: Pick<LedgerEntry, "agent" | "tool" | "key">) =>
  JSON.stringify([entry.agent, entry.tool, entry.key])

export class Ledger {
  readonly entries: Array<LedgerEntry>
  readonly #byKey = new Map<string, LedgerEntry>()
  readonly #descriptor: number
  readonly #dedupe: boolean

  constructor(file: string, dedupe: boolean) {
    this.entries = [...readLedger(file)]
    for (const entry of this.entries) this.#byKey.set(identity(entry), entry)
    const torn = existsSync(file) && !/(^|\n)$/.test(readFileSync(file, "utf8"))
    this.#descriptor = openSync(file, "a", 0o600)
    if (torn) writeSync(this.#descriptor, "\n")
    this.#dedupe = dedupe
  }

  /** The write, committed; where it is known already (and the relay dedupes), the first one. */
  commit(write: Omit<LedgerEntry, "id" | "at">): LedgerEntry {
    const known = this.#dedupe && write.key !== null ? this.#byKey.get(identity(write)) : undefined
    if (known !== undefined) return known
    const entry = { ...write, id: `m${this.entries.length + 1}`, at: Date.now() }
    writeSync(this.#descriptor, `${JSON.stringify(entry)}\n`)
    fdatasyncSync(this.#descriptor)
    this.entries.push(entry)
    this.#byKey.set(identity(entry), entry)
    return entry
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
