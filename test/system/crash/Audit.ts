/** What must be true after any crash, checked against ledger and disk. */
import type { OutboxRow } from "../../support/Disk.ts"
import type { Told } from "./Client.ts"
import type { Mode, PlannedCall } from "./Plan.ts"

/** A call that a client made, and what it was told of it. */
export interface Written {
  readonly call: PlannedCall
  readonly lane: string
  /** Those of a later burst were made when all of an earlier one were answered. */
  readonly burst: number
  readonly told: Told
}

export interface Verdict {
  readonly acknowledged: number
  readonly delivered: number
  readonly dead: number
  /** Dead letters that say that the outcome is unknown. */
  readonly unknown: number
  /** More than once in the ledger of a relay that does not dedupe, as `resends` allows. */
  readonly repeated: number
  /** Acknowledged, and neither in the ledger nor a dead letter with its reason. */
  readonly lost: ReadonlyArray<string>
  /** Twice in the ledger where that may not be. */
  readonly doubled: ReadonlyArray<string>
  /** In the ledger before one of its lane that was answered earlier. */
  readonly outOfOrder: ReadonlyArray<string>
  /** The client was told that nothing was done, and it was. */
  readonly contradicted: ReadonlyArray<string>
  /** Where it must not be sent again: of unknown outcome without a dead letter `unknown`, or dead for no such reason. */
  readonly unexplained: ReadonlyArray<string>
}

const isAccepted = ({ told: { outcome } }: Written): boolean => outcome === "queued" || outcome === "answered"

/** `ledger`: the texts that the relay accepted, in order. */
export const audit = (
  mode: Mode,
  written: ReadonlyArray<Written>,
  ledger: ReadonlyArray<string>,
  rows: ReadonlyArray<OutboxRow>
): Verdict => {
  const times = new Map<string, number>()
  const firstAt = new Map<string, number>()
  for (const [at, text] of ledger.entries()) {
    times.set(text, (times.get(text) ?? 0) + 1)
    if (!firstAt.has(text)) firstAt.set(text, at)
  }
  const letters = new Map(
    rows.flatMap(({ reason, state, text }) =>
      state === "dead" && text !== null && reason ? [[text, reason] as const] : []
    )
  )
  const timesOf = ({ call: { text } }: Written) => times.get(text) ?? 0
  const saysUnknown = (text: string) => letters.get(text)?.startsWith("unknown") === true
  const isLetter = ({ call: { text } }: Written) => letters.has(text)
  /** A letter that was refused or given up is not in the ledger; of one whose outcome is unknown nobody can say. */
  const isAccountedFor = (one: Written) =>
    timesOf(one) > 0 || isLetter(one) || (one.call.refused && one.told.outcome !== "queued")
  const accepted = written.filter(isAccepted)
  const texts = (some: ReadonlyArray<Written>) => some.map(({ call }) => call.text)

  return {
    acknowledged: accepted.length,
    delivered: accepted.filter((one) => timesOf(one) > 0).length,
    dead: letters.size,
    unknown: [...letters.keys()].filter(saysUnknown).length,
    repeated: mode === "resends" ? [...times.values()].filter((count) => count > 1).length : 0,
    lost: texts(accepted.filter((one) => !isAccountedFor(one))),
    doubled: mode === "resends" ? [] : texts(written.filter((one) => timesOf(one) > 1)),
    outOfOrder: texts(overtaken(accepted.filter((one) => !isLetter(one) && timesOf(one) > 0), firstAt)),
    contradicted: texts(
      written.filter((one) => one.told.outcome === "not sent" && one.told.asked === 1 && timesOf(one) > 0)
    ),
    unexplained: mode !== "lets die" ? [] : texts(
      written.filter(({ call: { refused, text }, told: { outcome } }) =>
        (outcome === "unknown" || (letters.has(text) && !refused)) && !saysUnknown(text)
      )
    )
  }
}

const overtaken = (delivered: ReadonlyArray<Written>, firstAt: ReadonlyMap<string, number>): ReadonlyArray<Written> => {
  const at = ({ call: { text } }: Written) => firstAt.get(text) ?? 0
  const latest = new Map<string, Written>()
  return delivered.toSorted((one, other) => at(one) - at(other)).filter((one) => {
    const before = latest.get(one.lane)
    if (before !== undefined && before.burst > one.burst) return true
    latest.set(one.lane, one)
    return false
  })
}
