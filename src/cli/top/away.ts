/** How long each relay was away since midnight, where this terminal is. */
import { DateTime, Effect } from "effect"
import type { RelayView } from "../../admin/StatusView.ts"
import type { RelayId } from "../../domain/Ids.ts"

export interface Away {
  readonly millis: number
  readonly times: number
}

const midnight = (now: DateTime.Utc): number => {
  const day = new Date(DateTime.toEpochMillis(now))
  return day.setHours(0, 0, 0, 0)
}

/** What the link itself says: the outage that lasts. */
const present = ({ link }: RelayView, now: DateTime.Utc): Away =>
  link.state === "up"
    ? { millis: 0, times: 0 }
    : {
      millis: DateTime.toEpochMillis(now) - Math.max(midnight(now), DateTime.toEpochMillis(link.since)),
      times: 1
    }

export const awayToday = (relays: ReadonlyArray<RelayView>, now: DateTime.Utc) =>
  Effect.succeed<ReadonlyMap<RelayId, Away>>(new Map(relays.map((relay) => [relay.id, present(relay, now)])))
