/** What happens in one cycle: who writes what, what the relay does meanwhile, and where the daemon is killed. */
import { Dice } from "../../support/Dice.ts"
import * as Answer from "../../support/relay/Answer.ts"
import type { WritePoint } from "../../support/relay/WriteGate.ts"
import { type Place, places, type Trap } from "./Place.ts"

/** How the relay treats a second write under one key, and what Holdfast does where an outcome is unknown. */
export type Mode = "dedupes" | "resends" | "lets die"

export type RelayFault =
  | { readonly _tag: "None" }
  /** SIGKILL, and back after a while. */
  | { readonly _tag: "Away"; readonly after: number; readonly millis: number }
  /** The relay dies at its next write, and is back after a while. */
  | { readonly _tag: "DiesAt"; readonly point: WritePoint; readonly millis: number }
  /** Writes wait at a point, longer than Holdfast waits for an answer. */
  | { readonly _tag: "Holds"; readonly point: WritePoint; readonly millis: number }
  | { readonly _tag: "Answers"; readonly count: number; readonly answer: Answer.Answer }

export type Fate =
  | { readonly _tag: "Lives" }
  | { readonly _tag: "AtRandom"; readonly after: number }
  | { readonly _tag: "At"; readonly trap: Trap }
  /** Killed at random, and once more on the way back up. */
  | { readonly _tag: "ComingBack"; readonly after: number; readonly trap: Trap }

export interface PlannedCall {
  readonly text: string
  /** `call id`: the client's own, kept over its retries. `caller`: the caller chose the key. `none`: never retried. */
  readonly identity: "call id" | "caller" | "none"
  /** The relay refuses it for good. */
  readonly refused: boolean
}

export interface Plan {
  readonly relayFault: RelayFault
  readonly fate: Fate
  /** When the daemon's clock is set, and by how many milliseconds. */
  readonly clock: ReadonlyArray<{ readonly after: number; readonly by: number }>
  /** For each lane what is written, one burst after the other; the calls of one burst go out together. */
  readonly lanes: ReadonlyArray<ReadonlyArray<ReadonlyArray<PlannedCall>>>
}

const lanes = 4

const ambiguous: readonly [Answer.Answer, ...ReadonlyArray<Answer.Answer>] = [
  Answer.afterwards(Answer.garbage),
  Answer.afterwards(Answer.reset),
  Answer.afterwards(Answer.badGateway),
  Answer.afterwards(Answer.internalError),
  Answer.afterwards(Answer.portalPage),
  Answer.half("clean"),
  Answer.half("broken"),
  Answer.unavailable,
  Answer.deployPage,
  Answer.reset
]

const points: readonly [WritePoint, WritePoint] = ["before commit", "after commit"]

const anyFault = (dice: Dice): RelayFault => {
  switch (dice.between(0, 4)) {
    case 0:
      return { _tag: "None" }
    case 1:
      return { _tag: "DiesAt", point: dice.of(points), millis: dice.between(0, 60) }
    case 2:
      return { _tag: "Holds", point: dice.of(points), millis: dice.between(20, 300) }
    case 3:
      return { _tag: "Answers", count: dice.between(1, 6), answer: dice.of(ambiguous) }
    default:
      return { _tag: "Away", after: dice.between(0, 60), millis: dice.between(0, 120) }
  }
}

/** What the relay does so that the daemon comes to the place. */
const faultFor = (place: Place, dice: Dice): RelayFault => {
  if (place.startsWith("live")) return dice.chance(0.5) ? { _tag: "None" } : anyFault(dice)
  if (place.startsWith("hand-over")) return { _tag: "Holds", point: dice.of(points), millis: dice.between(250, 350) }
  if (place.startsWith("unknown letter") || place.startsWith("telling")) {
    return { _tag: "Answers", count: dice.between(2, 6), answer: dice.of(ambiguous) }
  }
  return { _tag: "Away", after: dice.between(0, 20), millis: dice.between(0, 80) }
}

const placeIn = (mode: Mode, dice: Dice): Place => {
  const place = dice.of(places)
  // Only where a call may not be sent twice is there an unknown letter.
  return place.startsWith("unknown letter") && mode !== "lets die" ? placeIn(mode, dice) : place
}

const fateIn = (mode: Mode, dice: Dice): Fate => {
  const kind = dice.throw()
  if (kind < 0.08) return { _tag: "Lives" }
  if (kind < 0.35) return { _tag: "AtRandom", after: dice.between(0, 250) }
  const trap = { place: placeIn(mode, dice), passes: dice.of([1, 1, 2, 3]) }
  const atStart = trap.place.startsWith("recovery") || trap.place.startsWith("purge") || kind > 0.93
  return atStart
    ? { _tag: "ComingBack", after: dice.between(0, 250), trap: { ...trap, passes: 1 } }
    : { _tag: "At", trap }
}

export const planOf = (seed: string, cycle: number, mode: Mode): Plan => {
  const dice = new Dice(`${seed}/${mode}/${cycle}`)
  const fate = fateIn(mode, dice)
  const relayFault = fate._tag === "At" || fate._tag === "ComingBack"
    ? faultFor(fate.trap.place, dice)
    : anyFault(dice)
  const hour = 3_600_000
  return {
    fate,
    clock: dice.chance(0.2)
      ? Array.from({ length: 2 }, () => ({ after: dice.between(0, 100), by: dice.between(-5, 5) * hour }))
      : [],
    // Somebody dies in each cycle.
    relayFault: fate._tag === "Lives" && relayFault._tag !== "DiesAt"
      ? { _tag: "Away", after: 10, millis: 50 }
      : relayFault,
    lanes: Array.from(
      { length: lanes },
      (_lane, lane) =>
        Array.from(
          { length: dice.between(2, 5) },
          (_burst, burst) =>
            Array.from({ length: dice.of([1, 1, 1, 2, 3]) }, (_call, call): PlannedCall => ({
              text: `${cycle}/${lane}/${burst}/${call}`,
              identity: dice.of(["call id", "call id", "caller", "none"]),
              refused: dice.chance(0.04)
            }))
        )
    )
  }
}
