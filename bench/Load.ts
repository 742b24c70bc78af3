/** Callers that each call again as soon as they are answered. */
import type { Reply } from "./Connection.ts"
import type { Process } from "./Process.ts"

export interface Load {
  readonly calls: number
  readonly seconds: number
  /** Milliseconds a call. */
  readonly p50: number
  readonly p99: number
  /** Milliseconds until the first bytes of the answer's body. */
  readonly firstP50: number
}

export interface Bound {
  readonly seconds?: number
  readonly calls?: number
}

export const quantile = (values: ReadonlyArray<number>, q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)] ?? Number.NaN

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** Until so many seconds are over, or so many calls are answered by all callers together. */
export const load = async (
  callers: ReadonlyArray<() => Promise<Reply>>,
  { calls = Infinity, seconds = Infinity }: Bound
): Promise<Load> => {
  const taken: Array<number> = []
  const first: Array<number> = []
  const start = performance.now()
  const end = start + seconds * 1000
  let begun = 0
  await Promise.all(callers.map(async (call) => {
    for (let from = performance.now(); from < end && begun < calls;) {
      begun += 1
      const { firstAt } = await call()
      const now = performance.now()
      taken.push(now - from)
      first.push(firstAt - from)
      from = now
    }
  }))
  return {
    calls: taken.length,
    seconds: (performance.now() - start) / 1000,
    p50: median(taken),
    p99: quantile(taken, 0.99),
    firstP50: median(first)
  }
}

/** Microseconds of the process's CPU time a call. */
export const cost = async (
  process: Process,
  callers: ReadonlyArray<() => Promise<Reply>>,
  calls: number
): Promise<number> => {
  const before = process.cpu()
  await load(callers, { calls })
  return (process.cpu() - before) * 1000 / calls
}

/** Does so many calls; gives the CPU time of each. */
export type Cost = (calls: number) => Promise<number>

/** A portion that costs more of the best one before is not cheaper: two runs differ by as much. */
const steady = 0.97

/**
 * V8 compiles what a process does often, and a daemon lives for days: all sides work in turns, a portion each, until two
 * portions one after the other made none of them cheaper. At least 3 portions, and at most 5 in a quick bench, else 10.
 * Gives what a call of each side's first portion took.
 */
export const warmUp = async (
  sides: ReadonlyArray<Cost>,
  { portion, quick }: { readonly portion: number; readonly quick: boolean }
): Promise<ReadonlyArray<number>> => {
  const cold: Array<number> = []
  const best = sides.map(() => Infinity)
  let alike = 0
  for (let round = 0; round < 3 || (alike < 2 && round < (quick ? 5 : 10)); round++) {
    alike++
    for (const [index, side] of sides.entries()) {
      const taken = await side(portion)
      if (round === 0) cold.push(taken)
      const before = best[index] ?? Infinity
      if (taken < before * steady) alike = 0
      best[index] = Math.min(before, taken)
    }
  }
  return cold
}

/**
 * Holdfast and what it is measured against in turns, so that a machine that slows down slows both, the order reversed
 * each time; the first turn of each only warms up what differs from the warm-up before.
 */
export const inTurns = async <A>(
  rounds: number,
  ours: () => Promise<A>,
  theirs: () => Promise<A>
): Promise<ReadonlyArray<readonly [ours: A, theirs: A]>> => {
  await theirs()
  await ours()
  const pairs: Array<readonly [A, A]> = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const a = await ours()
      pairs.push([a, await theirs()])
    } else {
      const b = await theirs()
      pairs.push([await ours(), b])
    }
  }
  return pairs
}

/** The median of what `ours` is of `theirs`, pair by pair. */
export const ratio = <A>(pairs: ReadonlyArray<readonly [A, A]>, of: (value: A) => number): number =>
  median(pairs.map(([ours, theirs]) => of(ours) / of(theirs)))
