/** What a client really sends, seen from under it. */
import { Effect } from "effect"

export interface Wire {
  /** How often `initialize` was sent; above 1, the client reconnected. */
  readonly initializes: Effect.Effect<number>
  /** The methods of the POSTs, in order. */
  readonly posts: Effect.Effect<ReadonlyArray<string>>
  /** How many GET streams were opened successfully. */
  readonly streams: Effect.Effect<number>
  /** Done once a GET stream is open. */
  readonly awaitStream: Effect.Effect<void>
  /** HTTP statuses of 400 and above, in order. */
  readonly failures: Effect.Effect<ReadonlyArray<number>>
}

const methodIn = (body: RequestInit["body"]): string => {
  if (typeof body !== "string") return "?"
  const message: { readonly method?: string } = JSON.parse(body)
  return message.method ?? "response"
}

export const watchedFetch = () => {
  const posts: Array<string> = []
  const failures: Array<number> = []
  let streams = 0
  const watchers = new Set<() => void>()

  const watched = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const verb = init?.method ?? "GET"
    if (verb === "POST") posts.push(methodIn(init?.body))
    const response = await fetch(url, init)
    if (response.status >= 400) failures.push(response.status)
    if (verb === "GET" && response.ok) {
      streams++
      for (const look of watchers) look()
    }
    return response
  }

  const wire: Wire = {
    initializes: Effect.sync(() => posts.filter((method) => method === "initialize").length),
    posts: Effect.sync(() => [...posts]),
    streams: Effect.sync(() => streams),
    awaitStream: Effect.callback((resume) => {
      const look = () => {
        if (streams > 0) resume(Effect.void)
      }
      watchers.add(look)
      look()
      return Effect.sync(() => watchers.delete(look))
    }),
    failures: Effect.sync(() => [...failures])
  }
  return { fetch: watched, wire }
}
