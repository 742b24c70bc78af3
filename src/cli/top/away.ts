/**
 * How long each relay was away since midnight, where this terminal is: what the journal has of its link, and the outage
 * that lasts.
 */
import { DateTime, Effect, Ref, Schema } from "effect"
import type { RelayView } from "../../admin/StatusView.ts"
import type { RelayId } from "../../domain/Ids.ts"
import { JournalPage } from "../../journal/JournalRecord.ts"
import { type EventRecord, outagesOf, total, within } from "../../journal/Outages.ts"
import { DaemonClient } from "../DaemonClient.ts"

export interface Away {
  readonly millis: number
  readonly times: number
}

const decodePage = Schema.decodeUnknownEffect(Schema.fromJsonString(JournalPage))

/** More changes of links than that are no day that anybody looks at. */
const maxPages = 20

const midnight = (now: number): number => new Date(now).setHours(0, 0, 0, 0)

/** Of a link that has not changed since, nothing new is asked. */
interface Known {
  readonly links: string
  readonly records: ReadonlyArray<EventRecord>
}

const changes = Effect.fnUntraced(function*(type: "link.up" | "link.down") {
  const daemon = yield* DaemonClient
  const records: Array<EventRecord> = []
  let after = 0
  for (let page = 0; page < maxPages; page++) {
    const text = yield* daemon.read(`/api/events?type=${type}&after=${after}`, "application/json")
    const found = yield* Effect.orDie(decodePage(text))
    records.push(...found.records)
    after = found.next
    if (found.records.length === 0 || after >= found.newest) break
  }
  return records
})

/** Remembers what it has read, for the next look. A daemon without a journal tells only the outage that lasts. */
export const make = Effect.gen(function*() {
  const known = yield* Ref.make<Known>({ links: "", records: [] })

  return Effect.fnUntraced(function*(relays: ReadonlyArray<RelayView>, at: DateTime.Utc) {
    const links = JSON.stringify(relays.map(({ id, link }) => [id, link.state, DateTime.toEpochMillis(link.since)]))
    const before = yield* Ref.get(known)
    if (before.links !== links) {
      const records = yield* Effect.all([changes("link.up"), changes("link.down")]).pipe(
        Effect.map((both) => both.flat()),
        Effect.orElseSucceed(() => before.records)
      )
      yield* Ref.set(known, { links, records })
    }
    const { records } = yield* Ref.get(known)
    const now = DateTime.toEpochMillis(at)
    const outages = outagesOf(
      records,
      relays.map(({ id, link }) => ({
        relay: id,
        state: link.state,
        since: DateTime.toEpochMillis(link.since),
        why: ""
      }))
    )
    return new Map<RelayId, Away>(relays.map(({ id }) => {
      const parts = within(outages.filter(({ relay }) => relay === id), midnight(now), now, now)
      return [id, { millis: total(parts), times: parts.length }]
    }))
  })
})

export type AwayToday = Effect.Success<typeof make>
