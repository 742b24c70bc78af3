/** What a run has come to. */
import type { Verdict } from "./Audit.ts"
import type { Mode } from "./Plan.ts"

/** As they are printed, and how much of each a verdict brings. */
const figures: ReadonlyArray<readonly [string, (verdict: Verdict) => number]> = [
  ["acknowledged", ({ acknowledged }) => acknowledged],
  ["delivered", ({ delivered }) => delivered],
  ["dead", ({ dead }) => dead],
  ["  of them unknown", ({ unknown }) => unknown],
  ["sent again, and doubled as allowed", ({ repeated }) => repeated],
  ["lost", ({ lost }) => lost.length],
  ["doubled", ({ doubled }) => doubled.length],
  ["out of order", ({ outOfOrder }) => outOfOrder.length]
]

const modes: ReadonlyArray<Mode> = ["dedupes", "resends", "lets die"]

export class Totals {
  readonly kills = new Map<string, number>()
  clockJumps = 0
  /** In words, each with what replays it. */
  readonly faults: Array<string> = []
  readonly #sums = new Map<string, Map<Mode, number>>()

  killed(place: string): void {
    this.kills.set(place, (this.kills.get(place) ?? 0) + 1)
  }

  cycled(mode: Mode): void {
    this.#count("cycles", mode, 1)
  }

  add(mode: Mode, verdict: Verdict): void {
    for (const [name, of] of figures) this.#count(name, mode, of(verdict))
  }

  get cycles(): number {
    return this.#sum("cycles")
  }

  get acknowledged(): number {
    return this.#sum("acknowledged")
  }

  get text(): string {
    const kills = [...this.kills].toSorted(([one], [other]) => one < other ? -1 : 1)
    const all = kills.reduce((sum, [, count]) => sum + count, 0)
    const byMode = (name: string): readonly [string, ReadonlyArray<unknown>] => [
      name,
      [this.#sum(name), ...modes.map((mode) => this.#sums.get(name)?.get(mode) ?? 0)]
    ]
    const lines: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
      ["", ["all", ...modes]],
      byMode("cycles"),
      ["kills", [all]],
      ...kills.map(([place, count]) => [`  ${place}`, [count]] as const),
      ["clock set by hours", [this.clockJumps]],
      ...figures.map(([name]) => byMode(name))
    ]
    const width = Math.max(...lines.map(([name]) => name.length))
    return lines.map(([name, row]) => name.padEnd(width) + row.map((each) => String(each).padStart(9)).join(""))
      .join("\n")
  }

  #count(name: string, mode: Mode, by: number): void {
    const counts = this.#sums.get(name) ?? new Map<Mode, number>()
    this.#sums.set(name, counts.set(mode, (counts.get(mode) ?? 0) + by))
  }

  #sum(name: string): number {
    return modes.reduce((sum, mode) => sum + (this.#sums.get(name)?.get(mode) ?? 0), 0)
  }
}
