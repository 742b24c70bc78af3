/** What one session was last told of its tools, and whether it has to be told again (BEHAVIOUR 2, 4th intervention). */

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
  /** Pages of lists that are being answered page by page, by method. */
  private readonly pages = new Map<string, ReadonlyArray<string>>()

  constructor(answered: string | undefined) {
    this.answered = answered
  }

  /** The pages of the list that is being read, this one included; `first` begins it anew. */
  pagesWith(method: string, first: boolean, page: string): ReadonlyArray<string> {
    const pages = first ? [page] : [...this.pages.get(method) ?? [], page]
    this.pages.set(method, pages)
    return pages
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
