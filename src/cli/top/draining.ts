/** Which relays take what waited for them, and how much that was: the most since their queue was last empty. */
import type { RelayView } from "../../admin/StatusView.ts"
import type { RelayId } from "../../domain/Ids.ts"

/** Less goes out before anybody could look. */
const worthShowing = 10

export const make = () => {
  const maxWaiting = new Map<RelayId, number>()
  return (relays: ReadonlyArray<RelayView>): ReadonlyMap<RelayId, number> => {
    for (const { id, outbox } of relays) {
      const waits = outbox.pending + outbox.inflight
      if (waits === 0) maxWaiting.delete(id)
      else maxWaiting.set(id, Math.max(waits, maxWaiting.get(id) ?? 0))
    }
    return new Map(relays.flatMap(({ id, link }) => {
      const waited = maxWaiting.get(id) ?? 0
      return link.state === "up" && waited >= worthShowing ? [[id, waited] as const] : []
    }))
  }
}

export type Draining = ReturnType<typeof make>
