/**
 * What needs a person, most urgent first, each with what can be done about it: one list for the dashboard and for `top`,
 * of a status as it is read or as it is sent. It runs in a browser, so it imports nothing that is not small.
 */
import type { StatusView } from "./StatusView.ts"

type Status = StatusView | typeof StatusView.Encoded
type RelayStatus = Status["relays"][number]

const count = (number: number, one: string): string => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`

export type Remedy =
  /** Asks the relay at once whether it is back. */
  | { readonly does: "probe"; readonly relay: string }
  | { readonly does: "refresh token"; readonly relay: string; readonly agent: string }
  | { readonly does: "retry"; readonly relay: string; readonly state: "dead" | "held"; readonly count: number }
  | { readonly does: "show letters"; readonly state: "dead" | "held" }

/** What it is about, for who has more to say of that. */
export type Subject =
  | { readonly is: "link" | "disk" | "dead" | "tools"; readonly relay: string }
  | { readonly is: "token"; readonly relay: string; readonly source: string }
  | { readonly is: "held"; readonly relay: string; readonly agent: string; readonly principal: string }
  | { readonly is: "credential" | "fiber" }

export interface Attention {
  readonly key: string
  readonly about: Subject
  /** `wait`: Holdfast goes on by itself, and a person may help. */
  readonly urgency: "act" | "wait"
  readonly title: string
  readonly detail: string
  readonly remedies: ReadonlyArray<Remedy>
  /** A command for a terminal, where no button can do it. */
  readonly command?: string
}

export interface DeadLetters {
  readonly relay: string
  /** How many may have been carried out. */
  readonly unknown: number
  /** Why the newest died. */
  readonly why: string | undefined
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`

const ofRelay = (relay: RelayStatus, several: boolean): string => several ? ` of ${relay.id}` : ""

const link = (relay: RelayStatus, several: boolean): ReadonlyArray<Attention> => {
  if (relay.link.state === "up") return []
  const { hint, why } = relay.link
  return [{
    key: `link ${relay.id}`,
    about: { is: "link", relay: relay.id },
    urgency: hint === undefined ? "wait" : "act",
    title: several ? `The relay ${relay.id} is away` : "The relay is away",
    detail: [why, hint].flatMap((text) => text === undefined ? [] : sentence(text)).join(" "),
    remedies: [{ does: "probe", relay: relay.id }]
  }]
}

const disk = (relay: RelayStatus): ReadonlyArray<Attention> =>
  relay.outbox.writable ? [] : [{
    key: `disk ${relay.id}`,
    about: { is: "disk", relay: relay.id },
    urgency: "act",
    title: "The disk refuses writes",
    detail: "No call can be queued until it takes them again. Look at its free space.",
    remedies: []
  }]

const dead = (relay: RelayStatus, several: boolean, known: DeadLetters | undefined): ReadonlyArray<Attention> => {
  const all = relay.outbox.dead
  if (all === 0) return []
  const unknown = known?.unknown ?? 0
  const reason = known?.why ?? ""
  const why = reason === "" || unknown > 0 ? "" : all === 1 ? sentence(reason) : `The newest: ${sentence(reason)}`
  const may = unknown === 0
    ? ""
    : `${
      unknown === all ? "Nobody knows" : `Of ${unknown} nobody knows`
    } whether the relay has carried them out: look before you send them again. `
  return [{
    key: `dead ${relay.id}`,
    about: { is: "dead", relay: relay.id },
    urgency: "act",
    title: `${count(all, "letter")}${ofRelay(relay, several)} could not be delivered`,
    detail: `${why === "" ? may : `${why} `}${
      all === 1 ? "It stays until it is" : "They stay until they are"
    } sent again or discarded.`,
    remedies: [
      { does: "show letters", state: "dead" },
      ...unknown === 0 ? [{ does: "retry", relay: relay.id, state: "dead", count: all } as const] : []
    ]
  }]
}

const held = (relay: RelayStatus, several: boolean): ReadonlyArray<Attention> =>
  (relay.held ?? []).map((view) => ({
    key: `held ${relay.id} ${view.agent} ${view.principal} ${view.reason}`,
    about: { is: "held", relay: relay.id, agent: view.agent, principal: view.principal },
    urgency: "act",
    title: `${count(view.count, "letter")}${ofRelay(relay, several)} of ${view.agent} ${
      view.count === 1 ? "is" : "are"
    } held back`,
    detail: sentence(view.reason),
    remedies: [
      { does: "show letters", state: "held" },
      { does: "refresh token", relay: relay.id, agent: view.agent }
    ]
  }))

/** Agents that share a token fail together: one notice for all of them. */
const tokens = (relay: RelayStatus, several: boolean): ReadonlyArray<Attention> => {
  const failing = relay.tokens.filter(({ lastError, state }) =>
    state === "rejected" || (state === "failing" && lastError !== null)
  )
  const alike = Map.groupBy(
    failing,
    ({ lastError, source, state }) => JSON.stringify([source, state, lastError?.code, lastError?.hint])
  )
  return [...alike.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const refused = first.lastError?.code === "refused"
    const whose = group.length === relay.tokens.length && group.length > 1
      ? ""
      : ` of ${group.map(({ agent }) => agent).join(", ")}`
    return [{
      key: `token ${relay.id} ${first.agent} ${first.state}`,
      about: { is: "token" as const, relay: relay.id, source: first.source },
      urgency: "act" as const,
      title: refused
        ? `The relay${ofRelay(relay, several)} refuses the token${whose}`
        : `No new token${whose}${ofRelay(relay, several)} is to be had`,
      detail: first.lastError?.hint ?? `Its source, ${first.source}, gives none.`,
      remedies: [{ does: "refresh token" as const, relay: relay.id, agent: first.agent }],
      ...first.source === "login" || refused
        ? { command: `holdfast login${several ? ` --relay ${relay.id}` : ""}` }
        : {}
    }]
  })
}

const tools = (relay: RelayStatus): ReadonlyArray<Attention> => {
  const pinned = relay.pinnedTools ?? null
  if (pinned === null || pinned.changed + pinned.new === 0) return []
  return [{
    key: `tools ${relay.id}`,
    about: { is: "tools", relay: relay.id },
    urgency: "act",
    title: `${count(pinned.changed + pinned.new, "tool")} of ${relay.id} wait for approval`,
    detail: `${pinned.changed} changed, ${pinned.new} new. Agents do not get them until somebody has looked at them.`,
    remedies: [],
    command: "holdfast tools diff"
  }]
}

const credentials = (status: Status): ReadonlyArray<Attention> =>
  status.credentials.filter(({ lastError }) => lastError !== null).map(({ lastError, name }) => ({
    key: `credential ${name}`,
    about: { is: "credential" },
    urgency: "act",
    title: `The credential ${name} cannot be had`,
    detail: lastError?.hint ?? "",
    remedies: []
  }))

const fibers = (status: Status): ReadonlyArray<Attention> =>
  status.fibers.filter(({ state }) => state === "restarting").map(({ lastFailure, name }) => ({
    key: `fiber ${name}`,
    about: { is: "fiber" },
    urgency: "wait",
    title: `${name} failed and is being restarted`,
    detail: lastFailure?.cause ?? "",
    remedies: []
  }))

export const attentionOf = (status: Status, deadLetters: ReadonlyArray<DeadLetters>): ReadonlyArray<Attention> => {
  const several = status.relays.length > 1
  const all = [
    ...status.relays.flatMap((relay) => disk(relay)),
    ...status.relays.flatMap((relay) => link(relay, several)),
    ...status.relays.flatMap((relay) => tokens(relay, several)),
    ...status.relays.flatMap((relay) => held(relay, several)),
    ...status.relays.flatMap((relay) => dead(relay, several, deadLetters.find((one) => one.relay === relay.id))),
    ...status.relays.flatMap((relay) => tools(relay)),
    ...credentials(status),
    ...fibers(status)
  ]
  return [...all.filter(({ urgency }) => urgency === "act"), ...all.filter(({ urgency }) => urgency === "wait")]
}
