/** What one session was last told of its tools, and whether it has to be told again (BEHAVIOUR 2, 4th intervention). */
import { Data } from "effect"

/** So many cursors are remembered at once; one more starts afresh. */
const maxCursors = 100
/** What may come before a cursor, in characters; beyond, the list is passed on and not remembered. */
const maxText = 16 * 1024 * 1024

/** A view that differs from the one that was answered: told by list_changed already, or to be told with the next answer. */
type News = Data.TaggedEnum<{
  None: {}
  Announced: { readonly fingerprint: string }
  Due: { readonly fingerprint: string }
}>
const News = Data.taggedEnum<News>()

/** How the session's own list stands to the relay's; `failures` counts fetches in a row that brought none. */
type Freshness = Data.TaggedEnum<{
  Fresh: {}
  /** The relay's may have changed since it was fetched. */
  Stale: { readonly failures: number }
  /** One at a time is enough. `again`: it changed meanwhile. `resting`: another fetch is to come anyhow. */
  Fetching: { readonly failures: number; readonly again: boolean; readonly resting: boolean }
  /** It could not be had; it is fetched again after a while, or with the next request. */
  Resting: { readonly failures: number }
}>
const Freshness = Data.taggedEnum<Freshness>()

/** Owned by its session; changed by its methods alone. */
export class MenuView {
  #answered: string | undefined
  #news: News = News.None()
  #freshness: Freshness = Freshness.Fresh()
  /** What came before a cursor that the agent may go on from, by method and cursor. */
  readonly #before = new Map<string, ReadonlyArray<string>>()

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

  becomeStale(): void {
    const freshness = this.#freshness
    if (freshness._tag === "Fresh") this.#freshness = Freshness.Stale({ failures: 0 })
    if (freshness._tag === "Fetching") this.#freshness = { ...freshness, again: true }
  }

  /** Whether a fetch may bring something new, and the agent has a menu that it would be held against. */
  get mayFetch(): boolean {
    const { _tag } = this.#freshness
    return this.#answered !== undefined && (_tag === "Stale" || _tag === "Resting")
  }

  fetching(): void {
    const freshness = this.#freshness
    const failures = freshness._tag === "Fresh" ? 0 : freshness.failures
    this.#freshness = Freshness.Fetching({ failures, again: false, resting: freshness._tag === "Resting" })
  }

  /** Whether it has to be fetched once more, since it changed meanwhile. */
  fetched(): boolean {
    const freshness = this.#freshness
    const again = freshness._tag === "Fetching" && freshness.again
    this.#freshness = again ? { ...freshness, failures: 0, again: false } : Freshness.Fresh()
    return again
  }

  /** How many fetches in a row have failed before; `undefined` where another one is to come anyhow. */
  fetchFailed(): number | undefined {
    const freshness = this.#freshness
    if (freshness._tag !== "Fetching") return undefined
    const { failures, resting } = freshness
    this.#freshness = Freshness.Resting({ failures: resting ? failures : failures + 1 })
    return resting ? undefined : failures
  }

  /** The time to fetch again has come. */
  rested(): void {
    const freshness = this.#freshness
    if (freshness._tag === "Resting") this.#freshness = Freshness.Stale({ failures: freshness.failures })
    if (freshness._tag === "Fetching") this.#freshness = { ...freshness, resting: false }
  }

  /**
   * The pages of a list before a cursor, as it stands in its text; none before the first, `undefined` where the cursor
   * is not known (any more).
   */
  pagesBefore(method: string, cursor: string | undefined): ReadonlyArray<string> | undefined {
    return cursor === undefined ? [] : this.#before.get(`${method} ${cursor}`)
  }

  /** Remembers the pages that come before the cursor `next`. */
  readOn(method: string, next: string, pages: ReadonlyArray<string>): void {
    if (pages.reduce((length, page) => length + page.length, 0) > maxText) return
    if (this.#before.size >= maxCursors) this.#before.clear()
    this.#before.set(`${method} ${next}`, pages)
  }
}
