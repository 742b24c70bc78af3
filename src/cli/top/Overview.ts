/** What `top` shows, as the running daemon tells it; and what of it needs a person. */
import { Clock, DateTime, Effect } from "effect"
import type { AgentView } from "../../admin/AgentView.ts"
import { type Attention, attentionOf, type Subject } from "../../admin/Attention.ts"
import type { EntryView } from "../../admin/OutboxView.ts"
import type { RelayView, StatusView } from "../../admin/StatusView.ts"
import type { RelayId } from "../../domain/Ids.ts"
import { loginAt } from "../../token/sources/loginCommand.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { calls, heldRemedy } from "../outbox/held.ts"
import { formatAge } from "../print.ts"
import { bar } from "../Progress.ts"
import type { Away, AwayToday } from "./away.ts"
import type { Draining } from "./draining.ts"

export interface Overview {
  readonly now: DateTime.Utc
  readonly status: StatusView
  /** Of the relay that is looked at: what is dead or held, then what waits. */
  readonly letters: ReadonlyArray<EntryView>
  readonly agents: ReadonlyArray<AgentView>
  readonly away: ReadonlyMap<RelayId, Away>
  /** Of a relay that takes what waited for it: how much that was. */
  readonly draining: ReadonlyMap<RelayId, number>
}

/** What is known from one look to the next. */
export interface Memory {
  readonly awayToday: AwayToday
  readonly draining: Draining
}

/** More would not be looked through on a screen. */
const maxLetters = 200

/** `index` names the relay by its place; beyond the last one it is the last. */
export const relayAt = ({ relays }: StatusView, index: number): RelayView | undefined =>
  relays[Math.min(index, relays.length - 1)]

const lettersOf = Effect.fnUntraced(function*(relay: RelayView) {
  const daemon = yield* DaemonClient
  const found: Array<EntryView> = []
  for (const state of ["dead", "held", "inflight", "pending"] as const) {
    if (relay.outbox[state] === 0) continue
    const query = { relay: relay.id, state, limit: maxLetters - found.length }
    if (query.limit === 0) break
    found.push(...(yield* daemon.ask((client) => client.outbox.list({ query }))).entries)
  }
  return found
})

export const overview = Effect.fnUntraced(function*(relay: number, { awayToday, draining }: Memory) {
  const daemon = yield* DaemonClient
  const status = yield* daemon.ask((client) => client.status())
  const agents = yield* daemon.ask((client) => client.agents.list())
  const looked = relayAt(status, relay)
  const letters = looked === undefined ? [] : yield* lettersOf(looked)
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  return {
    now,
    status,
    letters,
    agents,
    away: yield* awayToday(status.relays, now),
    draining: draining(status.relays)
  } satisfies Overview
})

/** Something that a person can mend, with the way. */
export interface Need {
  readonly about: Subject["is"]
  readonly what: string
  readonly remedy: string
}

const remedyOf = ({ about, command, detail }: Attention, { now, status }: Overview): string => {
  const relay = "relay" in about ? status.relays.find(({ id }) => id === about.relay) : undefined
  switch (about.is) {
    case "link":
      return relay === undefined || relay.link.state === "up" || relay.link.hint !== undefined
        ? ""
        : `tried again by itself in ${formatAge(relay.link.nextProbeAt, now)}`
    case "token":
      return loginAt(about.relay, about.source) ?? "renew it at its source, then \"holdfast token refresh\""
    case "dead":
      return "choose it below: r sends it again; \"holdfast outbox discard\" drops it"
    case "held": {
      const held = relay?.held?.find(({ agent, principal }) => agent === about.agent && principal === about.principal)
      return relay === undefined || held === undefined ? "" : heldRemedy(relay, held)
    }
    case "credential":
      return "\"holdfast doctor\" asks its source's place"
    case "tools":
      return "\"holdfast tools diff\", then \"holdfast tools approve\""
    case "disk":
    case "fiber":
      return command ?? detail
  }
}

/** The same as on the dashboard, with what can be done from a terminal. */
export const needs = (overview: Overview): ReadonlyArray<Need> =>
  attentionOf(overview.status, []).map((one) => {
    const remedy = remedyOf(one, overview)
    // What it is on one line; where nothing else is to be done, the detail says what is.
    return remedy === "" || remedy === one.detail
      ? { about: one.about.is, what: one.title, remedy: one.detail }
      : { about: one.about.is, what: `${one.title}: ${one.detail}`, remedy }
  })

export const waiting = ({ outbox }: RelayView): number => outbox.pending + outbox.inflight

/** `waited`: how much waited when it began to go out. */
export const formatWaiting = (relay: RelayView, now: DateTime.Utc, waited?: number): string => {
  const { oldestAt } = relay.outbox
  const count = waiting(relay)
  if (count === 0) return "nothing waits"
  if (waited !== undefined) return `${bar(waited - count, waited, 10)} ${count} of ${waited} left`
  return `${calls(count)} ${count === 1 ? "waits" : "wait"}`
    + (oldestAt === null ? "" : `, oldest ${formatAge(now, oldestAt)}`)
}
