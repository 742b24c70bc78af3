/** One line of the results: what was measured, and whether it reaches what it has to. */
export interface Row {
  /** Stays the same from run to run: what two runs are compared by. */
  readonly name: string
  readonly value: number
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | undefined
  /** Absolute numbers behind the value. */
  readonly detail: string
}

export interface Options {
  /** All in under 3 minutes, with less precision. */
  readonly quick: boolean
  /** Calls of the row of memory. */
  readonly memoryCalls: number
  /** Says what could not be measured. */
  readonly notice: (text: string) => void
}

export const atLeast = (name: string, value: number, limit: number, detail: string): Row => ({
  name,
  value,
  target: { atLeast: limit },
  detail
})

export const atMost = (name: string, value: number, limit: number, detail: string): Row => ({
  name,
  value,
  target: { atMost: limit },
  detail
})

export const reached = ({ target, value }: Row): boolean =>
  target === undefined || ("atLeast" in target ? value >= target.atLeast : value <= target.atMost)

/** Whether it is worse than it was by more than two runs differ by chance. */
export const fell = ({ target, value }: Row, before: number): boolean =>
  target !== undefined && ("atLeast" in target ? value < before * 0.8 : value > before * 1.25)

export const formatTarget = ({ target }: Row): string =>
  target === undefined ? "" : "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`

export const formatValue = (value: number): string => value >= 100 ? value.toFixed(0) : value.toFixed(2)
