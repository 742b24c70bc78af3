/** So many cycles of one seed, in rigs of a few dozen each. */
import { Effect } from "effect"
import { bundle } from "./bundle.ts"
import { runRig } from "./CrashRig.ts"
import type { Mode } from "./Plan.ts"
import { Totals } from "./Totals.ts"

export interface RunOptions {
  readonly seed: string
  readonly cycles: number
  /** The first cycle: to replay from. */
  readonly from?: number
  /** Only these; all of them in turn, without. */
  readonly mode?: Mode | undefined
  /** Cycles of one rig; the next one has another mode. */
  readonly perRig?: number
  /** Rigs that run side by side. */
  readonly jobs?: number
  readonly onRig?: (totals: Totals) => Effect.Effect<void>
}

const modes: ReadonlyArray<Mode> = ["dedupes", "dedupes", "resends", "lets die"]

export const run = Effect.fnUntraced(function*(options: RunOptions) {
  const { cycles, from = 0, jobs = 1, mode, onRig, perRig = 25, seed } = options
  const programs = yield* bundle
  const totals = new Totals()
  const starts = Array.from({ length: Math.ceil(cycles / perRig) }, (_rig, index) => from + index * perRig)
  yield* Effect.forEach(starts, (start) =>
    Effect.gen(function*() {
      yield* runRig({
        programs,
        seed,
        mode: mode ?? modes[Math.floor(start / perRig) % modes.length] ?? "dedupes",
        from: start,
        cycles: Math.min(perRig, from + cycles - start)
      }, totals)
      if (onRig !== undefined) yield* onRig(totals)
    }), { concurrency: jobs, discard: true })
  return totals
}, Effect.scoped)
