/** Letters as far as somebody has scrolled, read anew when there is news of them. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import type { EntryPage, EntryView } from "../../admin/OutboxView.ts"
import { get } from "./api.ts"
import { useShared } from "./hooks.ts"

export type LettersPage = typeof EntryPage.Encoded
export type Letter = typeof EntryView.Encoded
/** `open`: all that are not delivered, most urgent first. */
export type LetterState = "open" | Letter["state"]

const statesOf = (state: LetterState): ReadonlyArray<Letter["state"]> =>
  state === "open" ? ["dead", "held", "inflight", "pending"] : [state]

const pageSize = 1000
/** Between two times that a page is read, milliseconds: who has scrolled far asks for much. */
const calmOfPage = 500

/** What was read so far, and where the next page begins. */
interface Read {
  readonly state: LetterState
  readonly letters: ReadonlyArray<Letter>
  readonly pages: number
  /** Of which of the states, behind which id; `undefined` where there is no more. */
  readonly next: { readonly at: number; readonly after: number } | undefined
}

const nothing = (state: LetterState): Read => ({ state, letters: [], pages: 0, next: { at: 0, after: 0 } })

const read = async (before: Read, pages: number, signal: AbortSignal): Promise<Read> => {
  const states = statesOf(before.state)
  const letters = [...before.letters]
  let { next, pages: had } = before
  while (next !== undefined && had < pages) {
    const { after, at }: { readonly after: number; readonly at: number } = next
    const page: LettersPage = await get(`/outbox?state=${states[at]}&limit=${pageSize}&after=${after}`, signal)
    letters.push(...page.entries)
    // An empty one counts for nothing.
    if (page.entries.length > 0) had++
    if (page.next !== null) next = { at, after: page.next }
    else next = at + 1 < states.length ? { at: at + 1, after: 0 } : undefined
  }
  return { state: before.state, letters, pages: had, next }
}

export const useLetters = (state: LetterState) => {
  const { live } = useShared()
  const [wanted, setWanted] = useState({ state, pages: 1 })
  const pages = wanted.state === state ? wanted.pages : 1
  const [found, setFound] = useState(() => nothing(state))
  const last = useRef(found)

  useEffect(() => {
    const abort = new AbortController()
    const keepUp = async () => {
      // Whoever scrolls on gets the next page at once; what was there is read anew with the next news.
      let from = last.current.state === state ? last.current : nothing(state)
      while (!abort.signal.aborted) {
        const seen = live.revision("letters")
        // A failure is the connection's, which is shown, and mended, elsewhere.
        const next = await read(from, pages, abort.signal).catch(() => undefined)
        from = nothing(state)
        if (next !== undefined && !abort.signal.aborted) {
          last.current = next
          setFound(next)
        }
        await new Promise((resolve) => setTimeout(resolve, calmOfPage * pages))
        await live.news("letters", seen, abort.signal)
      }
    }
    void keepUp()
    return () => abort.abort()
  }, [live, state, pages])

  const isRead = found.state === state && found.pages > 0 || found.next === undefined
  const onEnd = useCallback(() => setWanted({ state, pages: pages + 1 }), [state, pages])
  const letters = found.state === state && isRead ? found.letters : undefined
  return {
    letters,
    onEnd: letters !== undefined && found.next !== undefined && found.pages >= pages ? onEnd : undefined
  }
}
