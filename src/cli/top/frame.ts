/** The screen as text: one line a row, each no wider than the screen. */
import { DateTime } from "effect"
import type { EntryView } from "../../admin/OutboxView.ts"
import type { RelayView } from "../../admin/StatusView.ts"
import * as Screen from "../../observability/Screen.ts"
import { formatAge, type Paint } from "../print.ts"
import type { Away } from "./away.ts"
import { cut, pad } from "./cells.ts"
import type { Section, View } from "./keys.ts"
import { formatWaiting, needs, type Overview, relayAt } from "./Overview.ts"

export interface Size {
  readonly columns: number
  readonly rows: number
}

const formatLength = (millis: number): string => {
  const at = (after: number) => DateTime.makeUnsafe(after)
  return formatAge(at(0), at(millis))
}

export const formatAway = (away: Away | undefined): string =>
  away === undefined || away.times === 0
    ? "not away today"
    : `away ${formatLength(away.millis)} today` + (away.times === 1 ? "" : `, ${away.times} times`)

const linkOf = ({ link }: RelayView, now: DateTime.Utc): string =>
  `${link.state === "up" ? "UP" : "DOWN"} for ${formatAge(now, link.since)}`

/** A part of a line, painted once it has its width. */
type Part = readonly [text: string, color?: Parameters<Paint>[0] | undefined]

const line = (paint: Paint, width: number, ...parts: ReadonlyArray<Part>): string => {
  let left = width
  return parts.map(([text, color]) => {
    const fit = cut(Screen.oneLine(text), left)
    left -= fit.width
    return color === undefined || fit.text === "" ? fit.text : paint(color, fit.text)
  }).join("")
}

const stateColors = { dead: "red", held: "yellow", inflight: "green", pending: undefined, delivered: "dim" } as const

/** As many lines as there is room for, so that the chosen one is among them. */
const windowOf = <A>(all: ReadonlyArray<A>, chosen: number, room: number) => {
  const from = Math.max(0, Math.min(chosen - Math.floor(room / 2), all.length - room))
  return all.slice(from, from + room).map((one, offset) => ({ one, index: from + offset }))
}

export const frame = (
  overview: Overview,
  view: View,
  { columns, rows }: Size,
  paint: Paint
): ReadonlyArray<string> => {
  const { agents, away, letters, now, status } = overview
  const on = (...parts: ReadonlyArray<Part>) => line(paint, columns, ...parts)
  const wanted = needs(overview)
  const mark = (section: Section, index: number): Part =>
    view.chosen[section] !== index
      ? ["  "]
      : view.section === section
      ? ["> ", "bold"]
      : section === "relays"
      ? ["· "]
      : ["  "]
  const heading = (section: Section, text: string): string => on([text, view.section === section ? "bold" : "dim"])

  const down = status.relays.filter(({ link }) => link.state === "down").length
  const verdict: Part = wanted.length > 0
    ? [wanted.length === 1 ? "1 thing needs you" : `${wanted.length} things need you`, "red"]
    : ["nothing needs you", "green"]
  const relays: Part = down === 0
    ? [status.relays.length === 1 ? "relay up" : "all relays up", "green"]
    : [status.relays.length === 1 ? "RELAY DOWN" : `${down} of ${status.relays.length} relays DOWN`, "red"]
  const head = [
    on([`holdfast ${status.daemon.version}`, "bold"], ["  "], relays, [" · "], verdict),
    on([`${status.daemon.url}, up ${formatAge(now, status.daemon.startedAt)}`, "dim"]),
    ""
  ]

  const relayLine = (relay: RelayView, index: number) =>
    on(
      mark("relays", index),
      [pad(relay.id, 14)],
      [pad(linkOf(relay, now), 16), relay.link.state === "up" ? "green" : "red"],
      [pad(formatAway(away.get(relay.id)), 24)],
      [formatWaiting(relay, now, overview.draining.get(relay.id)), relay.outbox.pending > 0 ? "yellow" : undefined]
    )

  const needLines = wanted.length === 0
    ? [on(["  nothing", "green"])]
    : wanted.flatMap(({ remedy, what }) => [on(["! ", "red"], [what]), on([`    ${remedy}`, "dim"])])

  const letterLine = (letter: EntryView, index: number) =>
    on(
      mark("letters", index),
      [pad(String(letter.id), 6)],
      [pad(letter.state === "inflight" ? "sending" : letter.state, 9), stateColors[letter.state]],
      [pad(letter.agent, 12)],
      [pad(letter.tool, 22)],
      [pad(formatAge(now, letter.occurredAt), 7)],
      [letter.reason ?? letter.lastError ?? (letter.attempts === 0 ? "" : `tried ${letter.attempts} times`)]
    )

  const agentLine = ({ agent, sessions, state, undelivered }: Overview["agents"][number], index: number) =>
    on(
      mark("agents", index),
      [pad(agent, 20)],
      [pad(sessions === 1 ? "1 session" : `${sessions} sessions`, 14)],
      [undelivered === 0 ? "nothing undelivered" : `${undelivered} undelivered`, undelivered === 0 ? "dim" : "yellow"],
      [state === "leaving" ? ", leaving" : ""]
    )

  const looked = relayAt(status, view.chosen.relays)
  const shownLetters = letters.length === 0
    ? "LETTERS  none waits, is held or is dead"
    : `LETTERS of ${looked?.id ?? ""}`
  const question = view.asked === undefined
    ? view.said
    : `send ${
      view.asked.ids.length === 1 ? `letter ${view.asked.ids[0]}` : `${view.asked.ids.length} letters`
    } again? y / n`
  const foot = [on([question, "yellow"]), on(["tab, arrows move · r retry · R retry all of the relay · q quit", "dim"])]

  // What needs a person has room first, then the relays; letters and agents share what is left, each with a heading.
  const room = Math.max(0, rows - head.length - foot.length - 4)
  const needRoom = needLines.slice(0, Math.max(2, Math.min(needLines.length, Math.floor(room * 0.4))))
  const relayRoom = Math.min(status.relays.length, Math.max(1, Math.floor(room * 0.3)))
  const left = Math.max(0, room - needRoom.length - relayRoom - 1)
  const agentRoom = Math.min(agents.length, Math.max(1, left - Math.max(letters.length, Math.ceil(left / 2))))
  const letterRoom = Math.max(0, left - agentRoom)
  const cutOff = needLines.length > needRoom.length ? ` (${wanted.length}; the first ones)` : ""
  const body = [
    heading("relays", "RELAYS"),
    ...windowOf(status.relays, view.chosen.relays, relayRoom).map(({ index, one }) => relayLine(one, index)),
    on([`NEEDS YOU${cutOff}`, wanted.length === 0 ? "dim" : "bold"]),
    ...needRoom,
    heading("letters", shownLetters),
    ...windowOf(letters, view.chosen.letters, letterRoom).map(({ index, one }) => letterLine(one, index)),
    heading("agents", "AGENTS"),
    ...windowOf(agents, view.chosen.agents, agentRoom).map(({ index, one }) => agentLine(one, index))
  ]
  const all = [...head, ...body]
  const blank = Math.max(0, rows - all.length - foot.length)
  return [...all, ...Array.from({ length: blank }, () => ""), ...foot].slice(0, rows)
}

/** The same in a line for each relay, for what is no screen; without what changes by itself. */
export const plainLines = (overview: Overview): ReadonlyArray<string> => {
  const { status } = overview
  return [
    ...status.relays.map((relay) => {
      const { dead, held } = relay.outbox
      const { link } = relay
      const stuck = dead + held === 0 ? "" : `, ${dead} dead, ${held} held`
      const count = relay.outbox.pending + relay.outbox.inflight
      return `${relay.id} is ${link.state === "up" ? "up" : `down: ${link.why}`}; `
        + (count === 0 ? "nothing waits" : `${count} wait`) + stuck
    }),
    ...needs(overview).filter(({ about }) => about !== "link").map(({ remedy, what }) =>
      `needs you: ${what} (${remedy})`
    )
  ].map(Screen.oneLine)
}
