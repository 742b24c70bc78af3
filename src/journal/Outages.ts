/** When each relay was away, put together from the journal's records of its link. */

/** A record of the journal, as `/api/events` tells it. */
export interface EventRecord {
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** `daemon`, `relay/<id>` or `agent/<name>`. */
  readonly subject: string
  readonly session?: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

export interface Outage {
  readonly relay: string
  readonly from: number
  /** `null` while it lasts. */
  readonly to: number | null
  readonly why: string
}

export interface Link {
  readonly relay: string
  readonly state: "up" | "down"
  readonly since: number
  readonly why: string
}

const numberOr = (value: unknown, otherwise: number): number => typeof value === "number" ? value : otherwise
const textOr = (value: unknown, otherwise: string): string => typeof value === "string" ? value : otherwise

/** Oldest first. What the link is now counts for more than what the records say, which may be behind. */
export const outagesOf = (records: ReadonlyArray<EventRecord>, links: ReadonlyArray<Link>): ReadonlyArray<Outage> => {
  const ended: Array<Outage> = []
  const open = new Map<string, Outage>()
  for (const { at, payload, type } of [...records].sort((one, other) => one.seq - other.seq)) {
    const relay = textOr(payload["relay"], "")
    if (type === "link.down") {
      const why = textOr(payload["why"], "")
      open.set(relay, { relay, from: open.get(relay)?.from ?? numberOr(payload["since"], at), to: null, why })
    }
    if (type === "link.up") {
      const begun = open.get(relay)
      const from = begun?.from ?? payload["downSince"]
      open.delete(relay)
      if (typeof from === "number") {
        ended.push({ relay, from, to: numberOr(payload["since"], at), why: begun?.why ?? "" })
      }
    }
  }
  for (const { relay, since, state, why } of links) {
    const begun = open.get(relay)
    open.delete(relay)
    if (state === "down") ended.push({ relay, from: begun?.from ?? since, to: null, why })
    else if (begun !== undefined && begun.from < since) ended.push({ ...begun, to: since })
  }
  return ended.sort((one, other) => one.from - other.from)
}

/** The parts that lie between two moments; what lasts still ends at `now`. */
export const within = (
  outages: ReadonlyArray<Outage>,
  from: number,
  to: number,
  now: number
): ReadonlyArray<{ readonly from: number; readonly to: number; readonly outage: Outage }> =>
  outages.flatMap((outage) => {
    const part = { from: Math.max(from, outage.from), to: Math.min(to, outage.to ?? now), outage }
    return part.to > part.from ? [part] : []
  })

export const total = (parts: ReadonlyArray<{ readonly from: number; readonly to: number }>): number =>
  parts.reduce((sum, { from, to }) => sum + to - from, 0)
