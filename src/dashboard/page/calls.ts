/** The calls of agents, each with its way in time, put together from the journal's records. */
import type { EventRecord } from "../../journal/Outages.ts"

export type Outcome =
  | "under way"
  | "answered"
  | "cached"
  | "error"
  | "cancelled"
  | "queued"
  | "delivered"
  | "held"
  | "dead"

export const outcomes: ReadonlyArray<Outcome> = [
  ...["under way", "answered", "queued", "delivered", "held", "dead", "error", "cached", "cancelled"] as const
]

/** A part of a call's way, in milliseconds. */
export interface Leg {
  readonly name: "Holdfast" | "queue" | "relay" | "answer"
  readonly millis: number
}

export interface CallRow {
  /** Of its first record. */
  readonly seq: number
  readonly at: number
  readonly agent: string
  readonly relay: string
  readonly tool: string
  readonly outcome: Outcome
  /** Until the agent was answered. */
  readonly millis: number | undefined
  readonly legs: ReadonlyArray<Leg>
  /** Its letter, where it was queued. */
  readonly entry: number | undefined
  readonly note: string
}

const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined
const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined
const agentOf = (subject: string): string => subject.startsWith("agent/") ? subject.slice(6) : ""

const leg = (name: Leg["name"], millis: number | undefined): ReadonlyArray<Leg> =>
  millis === undefined || millis < 0 ? [] : [{ name, millis }]

const liveLegs = (payload: EventRecord["payload"]): ReadonlyArray<Leg> => {
  const [sent, relay, whole] = [payload["sentAfter"], payload["relayAfter"], payload["millis"]].map(number)
  if (whole === undefined) return []
  if (sent === undefined) return leg("Holdfast", whole)
  return [
    ...leg("Holdfast", sent),
    ...leg("relay", (relay ?? whole) - sent),
    ...leg("answer", relay === undefined ? undefined : whole - relay)
  ]
}

const queuedLegs = ({ at, payload }: EventRecord): ReadonlyArray<Leg> => {
  const [occurred, sent, relay] = [payload["occurredAt"], payload["sentAt"], payload["relayMillis"]].map(number)
  if (occurred === undefined) return []
  return [...leg("queue", (sent ?? at) - occurred), ...leg("relay", relay)]
}

/** What is known of a call from its agent's side, and from its letter's. */
const merged = (live: CallRow | undefined, letter: CallRow | undefined): CallRow | undefined =>
  live === undefined || letter === undefined
    ? live ?? letter
    : { ...letter, seq: live.seq, at: live.at, agent: live.agent, tool: live.tool }

/** Keeps the newest ones, in bounded memory; `add` takes records in order. */
export class CallLog {
  readonly #rows = new Map<string, CallRow>()
  readonly #max: number
  #sorted: ReadonlyArray<CallRow> | undefined

  constructor(max = 5000) {
    this.#max = max
  }

  /** Newest first. */
  rows(): ReadonlyArray<CallRow> {
    this.#sorted ??= [...this.#rows.values()].sort((one, other) => other.seq - one.seq)
    return this.#sorted
  }

  /** Whether it was about a call. */
  add(record: EventRecord): boolean {
    const { payload, type } = record
    if (!type.startsWith("call.") || type === "call.progress") return false
    const relay = text(payload["relay"]) ?? ""
    const live = text(payload["call"])
    const entry = number(payload["entry"])
    const byEntry = entry === undefined ? undefined : `${relay} entry ${entry}`
    const byCall = live === undefined ? undefined : `${relay} call ${live}`
    // From its queueing on a call goes by its letter.
    const known = merged(
      byCall === undefined ? undefined : this.#rows.get(byCall),
      byEntry === undefined ? undefined : this.#rows.get(byEntry)
    )
    this.#sorted = undefined
    const row = this.#rowOf(record, relay, entry, known)
    if (byCall !== undefined && byEntry !== undefined) this.#rows.delete(byCall)
    const name = byEntry ?? byCall
    if (name !== undefined) this.#rows.set(name, row)
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= this.#max) break
      this.#rows.delete(oldest)
    }
    return true
  }

  #rowOf(record: EventRecord, relay: string, entry: number | undefined, known: CallRow | undefined): CallRow {
    const { at, payload, seq, subject, type } = record
    const millis = number(payload["millis"]) ?? known?.millis
    const outcome = type === "call.started" ? "under way" : type === "call.answered"
      ? text(payload["outcome"]) as Outcome | undefined ?? "answered"
      : type.slice("call.".length) as Outcome
    const isLive = type === "call.started" || type === "call.answered"
    // Its letter may be told of before or after the agent's answer.
    const hasOutcome = known !== undefined && ["delivered", "dead", "held"].includes(known.outcome) && isLive
    return {
      seq: known?.seq ?? seq,
      at: known?.at ?? number(payload["occurredAt"]) ?? at - (number(payload["millis"]) ?? 0),
      agent: agentOf(subject) || known?.agent || "",
      relay,
      tool: text(payload["tool"]) ?? known?.tool ?? "",
      outcome: hasOutcome ? known.outcome : outcome,
      millis,
      legs: hasOutcome
        ? known.legs
        : isLive
        ? liveLegs(payload)
        : type === "call.queued"
        ? known?.legs ?? []
        : queuedLegs(record),
      entry: entry ?? known?.entry,
      note: text(payload["reason"]) ?? (hasOutcome ? known.note : "")
    }
  }
}

export interface CallFilter {
  readonly tool: string
  readonly agent: string
  readonly outcome: string
}

/** Texts match anywhere, whatever their case; an empty one leaves all. */
export const matches = ({ agent, outcome, tool }: CallFilter) => (row: CallRow): boolean =>
  row.tool.toLowerCase().includes(tool.trim().toLowerCase())
  && row.agent.toLowerCase().includes(agent.trim().toLowerCase())
  && (outcome === "" || row.outcome === outcome)
