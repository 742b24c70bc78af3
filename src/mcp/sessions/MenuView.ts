/** What one session was last told of its tools, and whether it has to be told again (BEHAVIOUR 2, fourth handler). */
import { Data } from "effect"
import type { ListMethod } from "../../domain/Methods.ts"
import { ownText } from "../../domain/OwnText.ts"
import type { MenuDigest } from "../../menu/MenuDigest.ts"
import * as Backoff from "../../supervision/Backoff.ts"

/** Between fetches in a row that brought no list: 2, 4, 8 s .. 5 min. */
const retries = Backoff.exponential({ base: "2 seconds", max: "5 minutes" })
/** So many cursors are remembered at once; one more starts afresh. */
const maxCursors = 100
/** In characters, of all cursors and what comes before them; beyond, it starts afresh. A longer list is not remembered. */
const maxText = 16 * 1024 * 1024

/** A view that differs from the one that was answered: told by list_changed already, or to be told with the next answer. */
type News = Data.TaggedEnum<{
  None: {}
  Announced: { readonly fingerprint: string }
  Due: { readonly fingerprint: string }
}>
const News = Data.taggedEnum<News>()

/** How the session's own list stands to the relay's. */
type Freshness = Data.TaggedEnum<{
  Fresh: {}
  /** The relay's may have changed since it was fetched. */
  Stale: {}
  /** One at a time is enough. `again`: it changed meanwhile. `retryPending`: a retry is scheduled already. */
  Fetching: { readonly again: boolean; readonly retryPending: boolean }
  /** It could not be had; it is fetched again after a while, or with the next request. */
  Failed: {}
}>
const Freshness = Data.taggedEnum<Freshness>()

/** Owned by its session; changed by its methods alone. */
export class MenuView {
  #answered: string | undefined
  #news: News = News.None()
  #freshness: Freshness = Freshness.Fresh()
  /** Between fetches that fail; starts afresh with one that succeeds. */
  readonly retries = Backoff.make(retries)
  /** What the agent was last shown or told of, where somebody wants to hear how that changes. */
  shown: MenuDigest | undefined
  /** What came before a cursor that the agent may go on from, by method and cursor. */
  #before: Map<string, ReadonlyArray<string>> | undefined
  /** In characters; a page counts for each cursor behind it. */
  #beforeLength = 0
  /** Lists besides that of tools which the agent was answered empty, since nobody knew them. */
  #unknown: Set<ListMethod> | undefined
  /** Notifications of other lists than that of tools that the agent is to get ahead of its next answer. */
  #dueBesides: Set<string> | undefined

  constructor(answered: string | undefined) {
    this.#answered = answered
  }

  /** The fingerprint of the list that was last answered to the agent; none before it asked. */
  get answered(): string | undefined {
    return this.#answered
  }

  /**
   * The agent holds this list now; whether that is another than before. What it was to be told of meanwhile is still
   * news, unless it is this one.
   */
  answeredWith(fingerprint: string): boolean {
    const changed = fingerprint !== this.#answered
    this.#answered = fingerprint
    if (this.#news._tag !== "Due" || this.#news.fingerprint === fingerprint) this.#news = News.None()
    return changed
  }

  /** Whether a view with this fingerprint is news to the agent; an agent that never asked has no menu to go stale. */
  isNews(fingerprint: string): boolean {
    const known = this.#news._tag === "None" ? undefined : this.#news.fingerprint
    return this.#answered !== undefined && fingerprint !== this.#answered && fingerprint !== known
  }

  /** The agent is told of it now. */
  announced(fingerprint: string): void {
    this.#news = News.Announced({ fingerprint })
  }

  /** The agent is to be told of it ahead of its next answer. */
  announceLater(fingerprint: string): void {
    this.#news = News.Due({ fingerprint })
  }

  /** Whether the agent is to be told of something now; once. */
  takeDue(): boolean {
    if (this.#news._tag !== "Due") return false
    this.#news = News.Announced({ fingerprint: this.#news.fingerprint })
    return true
  }

  /** A stream has opened: what the agent was told before may not have reached it. */
  forgetNews(): void {
    this.#news = News.None()
  }

  /** The agent was answered an empty list, since nobody knew it. */
  answeredUnknown(method: ListMethod): void {
    this.#unknown = (this.#unknown ?? new Set()).add(method)
  }

  /** The agent holds the relay's list now, or is told of it. */
  knows(method: ListMethod): void {
    this.#unknown?.delete(method)
    if (this.#unknown?.size === 0) this.#unknown = undefined
  }

  get unknown(): ReadonlyArray<ListMethod> {
    return this.#unknown === undefined ? [] : [...this.#unknown]
  }

  /** The agent is to get this notification ahead of its next answer. */
  notifyLater(notification: string): void {
    this.#dueBesides = (this.#dueBesides ?? new Set()).add(notification)
  }

  /** The notifications besides that of tools that the agent is to get now; each once. */
  takeDueBesides(): ReadonlyArray<string> {
    const due = this.#dueBesides
    this.#dueBesides = undefined
    return due === undefined ? [] : [...due]
  }

  becomeStale(): void {
    const freshness = this.#freshness
    if (freshness._tag === "Fresh") this.#freshness = Freshness.Stale()
    if (freshness._tag === "Fetching") this.#freshness = { ...freshness, again: true }
  }

  /** Whether a fetch may bring something new, and the agent has a menu that it would be held against. */
  get mayFetch(): boolean {
    const { _tag } = this.#freshness
    return this.#answered !== undefined && (_tag === "Stale" || _tag === "Failed")
  }

  fetching(): void {
    this.#freshness = Freshness.Fetching({ again: false, retryPending: this.#freshness._tag === "Failed" })
  }

  /** Whether it has to be fetched once more, since it changed meanwhile. */
  fetched(): boolean {
    const freshness = this.#freshness
    const again = freshness._tag === "Fetching" && freshness.again
    this.retries.reset()
    this.#freshness = again ? { ...freshness, again: false } : Freshness.Fresh()
    return again
  }

  /** Whether a retry has to be scheduled; else one is already. */
  fetchFailed(): boolean {
    const freshness = this.#freshness
    if (freshness._tag !== "Fetching") return false
    this.#freshness = Freshness.Failed()
    return !freshness.retryPending
  }

  /** The time of the scheduled retry has come. */
  retryIsDue(): void {
    const freshness = this.#freshness
    if (freshness._tag === "Failed") this.#freshness = Freshness.Stale()
    if (freshness._tag === "Fetching") this.#freshness = { ...freshness, retryPending: false }
  }

  /**
   * The pages of a list before a cursor, as it stands in its text; none before the first, `undefined` where the cursor
   * is not known (any more).
   */
  pagesBefore(method: string, cursor: string | undefined): ReadonlyArray<string> | undefined {
    return cursor === undefined ? [] : this.#before?.get(`${method} ${cursor}`)
  }

  /** Remembers the pages that come before the cursor `next`. */
  readOn(method: string, next: string, pages: ReadonlyArray<string>): void {
    const length = pages.reduce((length, page) => length + page.length, next.length)
    if (length > maxText) return
    if (this.#before === undefined || this.#before.size >= maxCursors || this.#beforeLength + length > maxText) {
      this.#before = new Map()
      this.#beforeLength = 0
    }
    this.#beforeLength += length
    this.#before.set(`${method} ${ownText(next)}`, pages)
  }
}
