/** What `top` shows, as the running daemon tells it; and what of it needs a person. */
import { Clock, DateTime, Effect } from "effect"
import type { AgentView } from "../../admin/AgentView.ts"
import type { EntryView } from "../../admin/OutboxView.ts"
import type { RelayView, StatusView } from "../../admin/StatusView.ts"
import type { TokenView } from "../../admin/TokenView.ts"
import type { RelayId } from "../../domain/Ids.ts"
import { loginAt } from "../../token/sources/loginCommand.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { calls, formatHeld } from "../outbox/held.ts"
import { formatAge } from "../print.ts"
import type { Away, AwayToday } from "./away.ts"

export interface Overview {
  readonly now: DateTime.Utc
  readonly status: StatusView
  /** Of the relay that is looked at: what is dead or held, then what waits. */
  readonly letters: ReadonlyArray<EntryView>
  readonly agents: ReadonlyArray<AgentView>
  readonly away: ReadonlyMap<RelayId, Away>
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

export const overview = Effect.fnUntraced(function*(relay: number, awayToday: AwayToday) {
  const daemon = yield* DaemonClient
  const status = yield* daemon.ask((client) => client.status())
  const agents = yield* daemon.ask((client) => client.agents.list())
  const looked = relayAt(status, relay)
  const letters = looked === undefined ? [] : yield* lettersOf(looked)
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  return { now, status, letters, agents, away: yield* awayToday(status.relays, now) } satisfies Overview
})

/** Something that a person can mend, with the way. */
export interface Need {
  readonly what: string
  readonly remedy: string
}

const linkNeed = ({ id, link }: RelayView, now: DateTime.Utc): ReadonlyArray<Need> =>
  link.state === "up" ? [] : [{
    what: `${id} is away: ${link.why}`,
    remedy: link.hint ?? `tried again by itself in ${formatAge(link.nextProbeAt, now)}`
  }]

const tokenNeed = (relay: RelayView, token: TokenView): ReadonlyArray<Need> => {
  const { agent, lastError, state } = token
  if (state !== "rejected" && (state !== "failing" || lastError === null)) return []
  const why = lastError === null ? "" : `: ${lastError.code}, ${lastError.hint}`
  return [{
    what: `the token of ${agent} at ${relay.id} is ${state}${why}`,
    remedy: loginAt(relay.id, token.source) ?? "renew it at its source, then \"holdfast token refresh\""
  }]
}

const ofRelay = (relay: RelayView, now: DateTime.Utc): ReadonlyArray<Need> => {
  const { held = [], id, outbox, pinnedTools = null, tokens } = relay
  return [
    ...outbox.writable ? [] : [{ what: `the disk refuses writes: ${id} queues nothing`, remedy: "free some space" }],
    ...tokens.flatMap((token) => tokenNeed(relay, token)),
    ...outbox.dead === 0 ? [] : [{
      what: `${id} has ${outbox.dead === 1 ? "1 dead letter" : `${outbox.dead} dead letters`}`,
      remedy: "choose it below: r sends it again; \"holdfast outbox discard\" drops it"
    }],
    ...held.map((view) => {
      const [what = "", remedy = ""] = formatHeld(relay, view).split("; do: ")
      return { what: `${id} holds ${what}`, remedy }
    }),
    ...pinnedTools === null || pinnedTools.changed + pinnedTools.new === 0 ? [] : [{
      what: `${id}: ${pinnedTools.changed} tools changed, ${pinnedTools.new} new, held back`,
      remedy: "\"holdfast tools diff\", then \"holdfast tools approve\""
    }],
    ...linkNeed(relay, now)
  ]
}

/** Most urgent first. A relay that is away comes last of its own: Holdfast itself goes on trying. */
export const needs = ({ now, status }: Overview): ReadonlyArray<Need> => [
  ...status.relays.flatMap((relay) => ofRelay(relay, now)),
  ...status.credentials.filter(({ lastError }) => lastError !== null).map(({ lastError, name }) => ({
    what: `the credential ${name} cannot be had: ${lastError?.hint ?? ""}`,
    remedy: "\"holdfast doctor\" asks its source's place"
  }))
]

export const waiting = ({ outbox }: RelayView): number => outbox.pending + outbox.inflight

export const formatWaiting = (relay: RelayView, now: DateTime.Utc): string => {
  const { oldestAt } = relay.outbox
  const count = waiting(relay)
  if (count === 0) return "nothing waits"
  return `${calls(count)} ${count === 1 ? "waits" : "wait"}`
    + (oldestAt === null ? "" : `, oldest ${formatAge(now, oldestAt)}`)
}
