/** What a key does: the state of the screen is data, and each key gives the next one, and what is to be done. */
import type { Overview } from "./Overview.ts"
import { relayAt } from "./Overview.ts"

export const sections = ["relays", "letters", "agents"] as const
export type Section = typeof sections[number]

export interface View {
  readonly section: Section
  /** The line that is chosen in each. */
  readonly chosen: Readonly<Record<Section, number>>
  /** A question that waits for `y`; any other key is a no. */
  readonly asked: Retry | undefined
  /** What came of the last one. */
  readonly said: string
}

/** Letters of one relay, to be put back in line. */
export interface Retry {
  readonly relay: string
  readonly ids: ReadonlyArray<number>
}

export const firstView: View = {
  section: "relays",
  chosen: { relays: 0, letters: 0, agents: 0 },
  asked: undefined,
  said: ""
}

export type Deed = { readonly does: "nothing" } | { readonly does: "quit" } | {
  readonly does: "retry"
  readonly retry: Retry
}

const nothing: Deed = { does: "nothing" }

const lengthOf = (section: Section, { agents, letters, status }: Overview): number =>
  ({ relays: status.relays.length, letters: letters.length, agents: agents.length })[section]

/** So that it stays on a line that there is. */
export const clamped = (view: View, overview: Overview): View => {
  const fit = (section: Section) => Math.max(0, Math.min(view.chosen[section], lengthOf(section, overview) - 1))
  return { ...view, chosen: { relays: fit("relays"), letters: fit("letters"), agents: fit("agents") } }
}

const move = (view: View, overview: Overview, by: number): View => {
  const chosen = { ...view.chosen, [view.section]: Math.max(0, view.chosen[view.section] + by) }
  // Another relay has other letters.
  return clamped({ ...view, chosen: view.section === "relays" ? { ...chosen, letters: 0 } : chosen }, overview)
}

const turn = (view: View, by: number): View => {
  const next = (sections.indexOf(view.section) + by + sections.length) % sections.length
  return { ...view, section: sections[next] ?? "relays" }
}

/** Only what is dead or held: the rest goes out by itself. */
const retried = (view: View, { letters, status }: Overview, all: boolean): View => {
  const relay = relayAt(status, view.chosen.relays)
  const stuck = letters.filter(({ state }) => state === "dead" || state === "held")
  const chosen = letters[view.chosen.letters]
  const meant = all
    ? stuck
    : view.section === "letters" && chosen !== undefined
    ? stuck.filter(({ id }) => id === chosen.id)
    : []
  if (relay === undefined || meant.length === 0) {
    return { ...view, said: all ? "no letter here is dead or held" : "choose a letter that is dead or held" }
  }
  return { ...view, said: "", asked: { relay: relay.id, ids: meant.map(({ id }) => id) } }
}

/** `name` as a terminal names a key: `up`, `tab`, `r`; `R` with the shift key. */
export const press = (view: View, overview: Overview, name: string): readonly [View, Deed] => {
  if (view.asked !== undefined) {
    const { asked } = view
    return name === "y"
      ? [{ ...view, asked: undefined, said: "…" }, { does: "retry", retry: asked }]
      : [{ ...view, asked: undefined, said: "nothing was sent" }, nothing]
  }
  const calm = { ...view, said: "" }
  switch (name) {
    case "q":
      return [calm, { does: "quit" }]
    case "tab":
    case "right":
      return [turn(calm, 1), nothing]
    case "shift-tab":
    case "left":
      return [turn(calm, -1), nothing]
    case "1":
    case "2":
    case "3":
      return [{ ...calm, section: sections[Number(name) - 1] ?? "relays" }, nothing]
    case "up":
    case "k":
      return [move(calm, overview, -1), nothing]
    case "down":
    case "j":
      return [move(calm, overview, 1), nothing]
    case "r":
      return [retried(calm, overview, false), nothing]
    case "R":
      return [retried(calm, overview, true), nothing]
    default:
      return [calm, nothing]
  }
}
