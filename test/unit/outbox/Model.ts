/** The queue as a person would explain it: a pure model, in which everything that can happen has happened. */

export type Behaviour = "answers" | "refuses" | "is busy" | "is lost" | "is limited" | "forbids" | "hangs"
export type Destination = "one" | "two"
export type Principal = "alice" | "bob"

export interface ModelEntry {
  readonly key: string
  readonly lane: string
  /** May be sent again where its outcome is unknown. */
  readonly resend: boolean
  readonly state: "pending" | "inflight" | "held" | "parked" | "dead" | "delivered"
  /** How a dead letter's reason begins. */
  readonly reason: string
  readonly place: number
  readonly principal: Principal
  readonly destination: Destination
  /** Hours. */
  readonly queuedAt: number
  readonly settledAt: number
}

export interface Model {
  readonly entries: ReadonlyArray<ModelEntry>
  readonly up: boolean
  readonly behaviour: Behaviour
  readonly principal: Principal
  readonly destination: Destination
  readonly hours: number
  readonly places: number
  /** What the relay carried out, lane and key, in order within each lane. */
  readonly carriedOut: ReadonlyArray<string>
}

export const maxEntries = 6

export const empty: Model = {
  entries: [],
  up: true,
  behaviour: "answers",
  principal: "alice",
  destination: "one",
  hours: 0,
  places: 0,
  carriedOut: []
}

const change = (model: Model, key: string, to: Partial<ModelEntry>): Model => ({
  ...model,
  entries: model.entries.map((entry) => entry.key === key ? { ...entry, ...to } : entry)
})

const isHere = (model: Model, { destination, principal }: ModelEntry): boolean =>
  destination === model.destination && principal === model.principal

const bound = (model: Model): number => model.entries.filter(({ state }) => state !== "delivered").length
export const isFull = (model: Model): boolean => bound(model) >= maxEntries

const lineOf = (model: Model, lane: string) =>
  model.entries.filter((entry) => entry.lane === lane && ["pending", "held", "inflight"].includes(entry.state))
    .toSorted((one, other) => one.place - other.place)

/** What an attempt makes of the head of a lane; `undefined` where the lane stands still. */
const attempted = (model: Model, { resend }: ModelEntry): Partial<ModelEntry> | undefined => {
  const settledAt = model.hours
  switch (model.behaviour) {
    case "answers":
      return { state: "delivered", settledAt }
    case "refuses":
      return { state: "dead", reason: "no" }
    case "is busy":
    case "is lost":
      return { state: "dead", reason: resend ? "given up" : "unknown" }
    case "is limited":
      return { state: "pending" }
    case "forbids":
      return { state: "held" }
    case "hangs":
      return { state: "inflight" }
  }
}

const stops: ReadonlySet<Behaviour> = new Set(["is limited", "forbids", "hangs"])

/** Those of other principals and destinations stand aside, and come back to their places. */
const rebound = (model: Model): Model => ({
  ...model,
  entries: model.entries.map((entry) => {
    if (entry.state === "parked") return isHere(model, entry) ? { ...entry, state: "pending" } : entry
    return (entry.state === "pending" || entry.state === "held") && !isHere(model, entry)
      ? { ...entry, state: "parked" }
      : entry
  })
})

const delivered = (model: Model): Model => {
  let next = model
  for (const lane of new Set(model.entries.map((entry) => entry.lane))) {
    const line = lineOf(model, lane)
    // Also behind one that came back to a place before it: one call of a lane is in flight.
    if (line.some(({ state }) => state === "inflight")) continue
    for (const head of line) {
      next = change(next, head.key, attempted(model, head) ?? {})
      if (model.behaviour === "answers") next = { ...next, carriedOut: [...next.carriedOut, `${lane} ${head.key}`] }
      if (stops.has(model.behaviour)) break
    }
  }
  return next
}

/** Hours. What is between passes adds up to less than eight over one life, and must never decide. */
export const expiry = 53
export const keeping = 8
/** Hours that pass at once. */
export const passes = [9, 27] as const

const expired = (model: Model, which: (entry: ModelEntry) => boolean): Model => ({
  ...model,
  entries: model.entries.map((entry) =>
    entry.state === "pending" && entry.queuedAt <= model.hours - expiry && which(entry)
      ? { ...entry, state: "dead", reason: "expired" }
      : entry
  )
})

/**
 * Everything that follows by itself. What grew too old while it was held, parked or in flight, and is pending again, may
 * be attempted first or expire first: `expiredFirst` says which did the latter.
 */
export const withConsequences = (model: Model, expiredFirst: ReadonlySet<string>): Model => {
  const bound = expired(rebound(model), ({ key }) => expiredFirst.has(key))
  return expired(bound.up ? delivered(bound) : bound, () => true)
}

export const passed = (model: Model, hours: number): Model => {
  const now = model.hours + hours
  const entries = model.entries.filter(({ settledAt, state }) => state !== "delivered" || settledAt > now - keeping)
  return { ...model, entries, hours: now }
}

/** The process ends and begins again; what was in flight may have been carried out. */
export const restarted = (model: Model): Model => ({
  ...model,
  entries: model.entries.map((entry) =>
    entry.state !== "inflight"
      ? entry
      : entry.resend
      ? { ...entry, state: "pending" }
      : { ...entry, state: "dead", reason: "unknown" }
  )
})

export const retried = (model: Model, key: string): Model => {
  const entry = model.entries.find((entry) => entry.key === key)
  if (entry === undefined || !["dead", "held", "parked"].includes(entry.state)) return model
  const place = entry.state === "held" ? entry.place : model.places
  const { destination, hours, principal } = model
  return change({ ...model, places: model.places + 1 }, key, {
    state: "pending",
    reason: "",
    place,
    principal,
    destination,
    queuedAt: hours
  })
}

export const discarded = (model: Model, key: string): Model => ({
  ...model,
  entries: model.entries.filter((entry) =>
    entry.key !== key || !["pending", "held", "parked", "dead"].includes(entry.state)
  )
})

export type Told = "answered" | "queued" | "failed" | "refused"

export interface ModelCall {
  readonly key: string
  readonly lane: string
  readonly resend: boolean
}

/** What the caller is told, and what is there afterwards. */
export const called = (model: Model, { key, lane, resend }: ModelCall): readonly [Told, Model] => {
  const known = model.entries.find((entry) => entry.key === key)
  if (known !== undefined) {
    if (known.lane !== lane) return ["refused", model]
    return [known.state === "delivered" || known.state === "dead" ? "answered" : "queued", model]
  }
  const { destination, hours, places, principal } = model
  const entry: ModelEntry = {
    key,
    lane,
    resend,
    state: "pending",
    reason: "",
    place: places,
    principal,
    destination,
    queuedAt: hours,
    settledAt: 0
  }
  const next = { ...model, places: places + 1 }
  const kept = (
    told: Told,
    state: Partial<ModelEntry> = {}
  ): readonly [Told, Model] => [told, { ...next, entries: [...model.entries, { ...entry, ...state }] }]
  if (!model.up || lineOf(model, lane).length > 0) return isFull(model) ? ["refused", next] : kept("queued")
  switch (model.behaviour) {
    case "answers":
      return ["answered", { ...next, carriedOut: [...model.carriedOut, `${lane} ${key}`] }]
    case "refuses":
    case "is busy":
      return ["answered", next]
    case "forbids":
      return ["failed", next]
    case "is limited":
      return isFull(model) ? ["refused", next] : kept("queued")
    case "hangs":
      return kept("queued", { state: "inflight" })
    case "is lost":
      if (isFull(model)) return ["failed", next]
      return resend ? kept("queued") : kept("failed", { state: "dead", reason: "unknown" })
  }
}
