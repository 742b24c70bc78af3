/** How the page's parts ask, do and wait. */
import { createContext } from "preact"
import { useContext, useEffect, useState } from "preact/hooks"
import { get } from "./api.ts"
import { Live, type Topic } from "./live.ts"

/** Does something for a person, says how it went, and shows what follows from it. */
export type Do = (what: string, action: () => Promise<string>) => void

export interface Shared {
  readonly live: Live
  readonly act: Do
  readonly now: number
}

export const SharedContext = createContext<Shared>({ live: new Live(), act: () => {}, now: 0 })
export const useShared = (): Shared => useContext(SharedContext)

export interface Asked<A> {
  readonly data: A | undefined
  readonly failure: string | undefined
}

/** Asks when it is shown, and again when there is news of its topic; what was there stays until the new answer is. */
export const useAsked = <A>(path: string | undefined, topic: Topic): Asked<A> => {
  const { live } = useShared()
  const revision = live.revision(topic)
  const [asked, setAsked] = useState<Asked<A> & { readonly path: string | undefined }>({
    path: undefined,
    data: undefined,
    failure: undefined
  })
  useEffect(() => {
    if (path === undefined) return
    const abort = new AbortController()
    get<A>(path, abort.signal).then(
      (data) => setAsked({ path, data, failure: undefined }),
      (cause: Error) => {
        if (!abort.signal.aborted) setAsked((before) => ({ ...before, failure: cause.message }))
      }
    )
    return () => abort.abort()
  }, [path, revision])
  return asked.path === path ? asked : { data: undefined, failure: asked.failure }
}

/** The present time, anew every second. */
export const useNow = (): number => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return now
}
