/**
 * What the page knows, kept up to date: it follows the journal's events, and asks anew for what they are about. After a
 * break it goes on from its last event. Where no event comes it asks every few seconds all the same.
 */
import type { EventRecord } from "../../journal/Outages.ts"
import { Away, follow, get, Refused, SignedOut } from "./api.ts"
import type { Status } from "./api.ts"
import { CallLog } from "./calls.ts"

/** What a part of the page is about; its number rises when it should ask again. */
export type Topic = "letters" | "agents" | "sessions" | "samples"

interface Page {
  readonly records: ReadonlyArray<EventRecord>
  readonly next: number
  readonly newest: number
}

/** Events that are read when the page opens. */
const backlog = 3000
const askEvery = 5000
const sampleEvery = 10_000
/** Between two times that the page asks because of events. */
const calm = 400

const topicsOf = (type: string): ReadonlyArray<Topic> => {
  if (type.startsWith("call.")) return type === "call.started" || type === "call.progress" ? [] : ["letters"]
  if (type.startsWith("session.")) return ["sessions"]
  if (type.startsWith("token.")) return ["letters", "agents"]
  return type === "context.moved" || type === "menu.changed" ? ["agents"] : []
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

export class Live {
  connection: "connecting" | "live" | "away" | "signed out" = "connecting"
  /** When Holdfast answered last. */
  heardAt = 0
  status: Status | undefined
  readonly calls = new CallLog()
  /** Of links, oldest first. */
  links: ReadonlyArray<EventRecord> = []
  /** Before, the journal knows nothing: milliseconds since the epoch. */
  knownFrom = 0
  readonly #revisions: Record<Topic, number> = { letters: 0, agents: 0, sessions: 0, samples: 0 }
  readonly #listeners = new Set<() => void>()
  #cursor: number | undefined
  #dirty = false
  #notifying = false
  #hasMore = false

  revision(topic: Topic): number {
    return this.#revisions[topic]
  }

  /** Calls `listener` soon after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Returns once the topic's number is another one than `seen`. */
  async news(topic: Topic, seen: number, signal: AbortSignal): Promise<void> {
    if (this.revision(topic) !== seen || signal.aborted) return
    await new Promise<void>((resolve) => {
      const stop = this.onChange(() => {
        if (this.revision(topic) !== seen) done()
      })
      const done = () => {
        stop()
        resolve()
      }
      signal.addEventListener("abort", done, { once: true })
    })
  }

  /** After something was done by hand: everything may have changed. */
  refresh(): void {
    for (const topic of ["letters", "agents", "sessions"] as const) this.#revisions[topic]++
    void this.#askStatus().catch(() => {})
  }

  /** As long as the page is open, or until nobody is signed in. */
  async run(): Promise<void> {
    for (let failures = 0;;) {
      try {
        await this.#askStatus()
        await this.#catchUp()
        failures = 0
        await this.#stayLive()
      } catch (cause) {
        if (cause instanceof SignedOut) return this.#become("signed out")
        // The journal is another one: its numbers begin anew.
        if (cause instanceof Refused && cause.status === 409) this.#cursor = undefined
        if (cause instanceof Away) this.#become("away")
      }
      await pause(Math.min(3000, 250 * 2 ** failures++))
    }
  }

  /** Reads events as they come, and asks on time where they do not; ends with the stream. */
  async #stayLive(): Promise<void> {
    const stop = new AbortController()
    const asking = this.#askOnTime(stop.signal)
    try {
      await Promise.race([this.#follow(stop.signal), asking])
    } finally {
      stop.abort()
    }
  }

  async #askOnTime(signal: AbortSignal): Promise<void> {
    let askedAt = performance.now()
    let sampledAt = askedAt
    while (!signal.aborted) {
      await pause(calm)
      const now = performance.now()
      if (signal.aborted) return
      if (now - sampledAt > sampleEvery) {
        sampledAt = now
        this.#revisions.samples++
      }
      if (!this.#dirty && now - askedAt < askEvery) continue
      if (now - askedAt >= askEvery) {
        this.#revisions.letters++
        this.#revisions.sessions++
      }
      this.#dirty = false
      askedAt = now
      await this.#askStatus()
    }
  }

  async #askStatus(): Promise<void> {
    this.status = await get<Status>("/status")
    this.heardAt = Date.now()
    this.#become("live")
  }

  /** The newest events at first, later what was missed. */
  async #catchUp(): Promise<void> {
    if (this.#cursor === undefined) {
      const { newest, records: [first] } = await get<Page>("/events?after=0&limit=1")
      this.knownFrom = first?.at ?? Date.now()
      const links = await Promise.all(["up", "down"].map((type) => this.#all(`/events?type=link.${type}`, 0)))
      this.links = links.flat().sort((one, other) => one.seq - other.seq)
      this.#cursor = Math.max(0, newest - backlog)
    }
    for (const record of await this.#all("/events?", this.#cursor)) this.#take(record)
    for (const topic of ["letters", "agents", "sessions", "samples"] as const) this.#revisions[topic]++
    this.#notify()
  }

  async #all(path: string, after: number): Promise<ReadonlyArray<EventRecord>> {
    const records: Array<EventRecord> = []
    for (let cursor = after;;) {
      const page = await get<Page>(`${path}&after=${cursor}`)
      records.push(...page.records)
      if (page.next >= page.newest || page.next === cursor) return records
      cursor = page.next
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { body } = await follow(this.#cursor ?? 0, signal)
    if (body === null) return
    let text = ""
    const reader = body.pipeThrough(new TextDecoderStream()).getReader()
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const events = (text + part.value).split("\n\n")
      text = events.pop() ?? ""
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join(
          "\n"
        )
        if (data !== "") this.#take(JSON.parse(data))
      }
    }
  }

  #take(record: EventRecord): void {
    if (record.seq <= (this.#cursor ?? 0)) return
    this.#cursor = record.seq
    this.#dirty = true
    this.calls.add(record)
    if (record.type.startsWith("link.") && record.seq > (this.links.at(-1)?.seq ?? 0)) {
      this.links = [...this.links, record]
    }
    for (const topic of topicsOf(record.type)) this.#revisions[topic]++
    this.#notify()
  }

  #become(connection: Live["connection"]): void {
    this.connection = connection
    this.#notify()
  }

  /** A change is shown right away; those that follow it closely are shown together. */
  #notify(): void {
    if (this.#notifying) {
      this.#hasMore = true
      return
    }
    this.#notifying = true
    for (const listener of this.#listeners) listener()
    setTimeout(() => {
      this.#notifying = false
      if (!this.#hasMore) return
      this.#hasMore = false
      this.#notify()
    }, 60)
  }
}
