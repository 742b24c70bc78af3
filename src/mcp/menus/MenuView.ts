/** What one session was last told of its tools, and whether it has to be told again (BEHAVIOUR 2, 4th intervention). */

/** So many cursors are remembered at once; one more starts afresh. */
const mostCursors = 100
/** What may come before a cursor, in characters; beyond, the list is passed on and not remembered. */
const mostText = 16 * 1024 * 1024

/** Mutable, owned by its session; nothing else writes it. */
export class MenuView {
  /** The fingerprint of the list that was last answered to the agent. */
  answered: string | undefined
  /** The fingerprint that the agent was last told of by list_changed: once per change. */
  announced: string | undefined
  /** list_changed is due, and no stream was open to send it on. */
  pending = false
  /** The relay's list may have changed since it was fetched. */
  stale = false
  /** It is being fetched; one at a time is enough. */
  looking = false
  /** Fetches of it that failed in a row, and whether another one is to come. */
  failures = 0
  retrying = false
  /** What came before a cursor that the agent may go on from, by method and cursor. */
  private readonly before = new Map<string, ReadonlyArray<string>>()

  constructor(answered: string | undefined) {
    this.answered = answered
  }

  /**
   * The pages of a list before a cursor, as it stands in its text; none before the first, `undefined` where the cursor
   * is not known (any more).
   */
  pagesBefore(method: string, cursor: string | undefined): ReadonlyArray<string> | undefined {
    return cursor === undefined ? [] : this.before.get(`${method} ${cursor}`)
  }

  /** Remembers the pages that come before the cursor `next`. */
  readOn(method: string, next: string, pages: ReadonlyArray<string>): void {
    if (pages.reduce((length, page) => length + page.length, 0) > mostText) return
    if (this.before.size >= mostCursors) this.before.clear()
    this.before.set(`${method} ${next}`, pages)
  }

  /** The agent holds this list now. What it was to be told of meanwhile is still news, unless it is this one. */
  told(fingerprint: string): void {
    this.answered = fingerprint
    if (this.pending && this.announced !== fingerprint) return
    this.announced = undefined
    this.pending = false
  }

  /** Whether a view with this fingerprint is news to the agent; an agent that never asked has no menu to go stale. */
  isNews(fingerprint: string): boolean {
    return this.answered !== undefined && fingerprint !== this.answered && fingerprint !== this.announced
  }
}
