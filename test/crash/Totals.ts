/** What a run has come to. */
import type { Verdict } from "./Audit.ts"

export class Totals {
  cycles = 0
  readonly kills = new Map<string, number>()
  acknowledged = 0
  delivered = 0
  dead = 0
  lost = 0
  doubled = 0
  outOfOrder = 0
  /** In words, each with what replays it. */
  readonly faults: Array<string> = []

  killed(place: string): void {
    this.kills.set(place, (this.kills.get(place) ?? 0) + 1)
  }

  add(verdict: Verdict): void {
    this.acknowledged += verdict.acknowledged
    this.delivered += verdict.delivered
    this.dead += verdict.dead
    this.lost += verdict.lost.length
    this.doubled += verdict.doubled.length
    this.outOfOrder += verdict.outOfOrder.length
  }

  get text(): string {
    const kills = [...this.kills].toSorted(([one], [other]) => one < other ? -1 : 1)
    const all = kills.reduce((sum, [, count]) => sum + count, 0)
    const lines: ReadonlyArray<readonly [string, number]> = [
      ["cycles", this.cycles],
      ["kills", all],
      ...kills.map(([place, count]) => [`  ${place}`, count] as const),
      ["acknowledged", this.acknowledged],
      ["delivered", this.delivered],
      ["dead", this.dead],
      ["lost", this.lost],
      ["doubled", this.doubled],
      ["out of order", this.outOfOrder]
    ]
    const width = Math.max(...lines.map(([name]) => name.length))
    return lines.map(([name, count]) => `${name.padEnd(width)} ${String(count).padStart(8)}`).join("\n")
  }
}
