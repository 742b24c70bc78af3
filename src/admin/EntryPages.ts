/**
 * Entries of an outbox, read a portion at a time: each may have a request and a result of 1 MiB, and a listing shows
 * neither. So that they are not in memory together, and others have a turn.
 */
import { Effect } from "effect"
import type { Entry, EntryFilter } from "../outbox/Entry.ts"
import type { Outbox } from "../outbox/Outbox.ts"

const portion = 50

/** In order of id, at most `limit`; all of them without. */
export const entryViews = Effect.fnUntraced(function*<View>(
  outbox: Pick<Outbox["Service"], "list">,
  { after = 0, limit = Infinity, ...filter }: EntryFilter,
  view: (entry: Entry) => View
) {
  const views: Array<View> = []
  let last = after
  while (views.length < limit) {
    const asked = Math.min(portion, limit - views.length)
    const entries = yield* outbox.list({ ...filter, limit: asked, after: last })
    for (const entry of entries) views.push(view(entry))
    last = entries.at(-1)?.id ?? last
    if (entries.length < asked) break
    yield* Effect.yieldNow
  }
  return views
})
