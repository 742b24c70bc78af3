import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { RelayId } from "../domain/Ids.ts"
import type { Relay } from "../mcp/RelayRegistry.ts"
import type { Entry, EntryFilter, EntryState } from "../outbox/Entry.ts"
import type { Outbox } from "../outbox/Outbox.ts"
import { AdminApi, type Selection } from "./AdminApi.ts"
import { NotFound } from "./AdminErrors.ts"
import { entryViews } from "./EntryPages.ts"
import * as Lookup from "./Lookup.ts"
import { entryDetail, entryView } from "./OutboxView.ts"

// From a selection to the ids that each relay's outbox is asked about.

/** `states` are those to which it can be done at all. */
export const select = Effect.fnUntraced(function*(
  outbox: Outbox["Service"],
  selection: Selection,
  states: ReadonlyArray<EntryState>
) {
  if ("ids" in selection) return selection.ids
  const ids: Array<number> = []
  for (const state of states) {
    if (selection.state !== undefined && selection.state !== state) continue
    ids.push(...yield* entryViews(outbox, { state, agent: selection.agent }, ({ id }) => id))
  }
  return ids.sort((a, b) => a - b)
})

const defaultLimit = 100

type Query = EntryFilter & { readonly relay?: RelayId | undefined }

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "outbox",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make

    /** Ids are unique over all relays, so each outbox is asked about all of them. */
    const onEach = Effect.fnUntraced(function*(
      relays: ReadonlyArray<Relay>,
      done: (relay: Relay) => Effect.Effect<ReadonlyArray<number>>
    ) {
      const ids = (yield* Effect.forEach(relays, done)).flat()
      return { ids: ids.sort((a, b) => a - b) }
    })

    const page = Effect.fnUntraced(function*<View extends { readonly id: number }>(
      query: Query,
      view: (relay: RelayId, entry: Entry) => View
    ) {
      const limit = query.limit ?? defaultLimit
      if (query.agent !== undefined) yield* lookup.agentOrLeaving(query.agent)
      const pages = yield* Effect.forEach(yield* lookup.relays(query.relay), (relay) =>
        entryViews(
          relay.outbox,
          { state: query.state, agent: query.agent, limit: limit + 1, after: query.after },
          (entry) => view(relay.id, entry)
        ))
      const all = pages.flat().sort((a, b) => a.id - b.id)
      const entries = all.slice(0, limit)
      return { entries, next: all.length > limit ? entries.at(-1)?.id ?? null : null }
    })

    return handlers.handleAll({
      list: ({ query }) => page(query, entryView),
      export: ({ query }) => page(query, entryDetail),
      show: Effect.fnUntraced(function*({ params }) {
        for (const relay of yield* lookup.relays(undefined)) {
          const entry = yield* relay.outbox.find(params.id)
          if (Option.isSome(entry)) return entryDetail(relay.id, entry.value)
        }
        return yield* new NotFound({
          message: `no entry ${params.id} in the outbox; "holdfast outbox list" shows them`
        })
      }),
      retry: Effect.fnUntraced(function*({ payload }) {
        return yield* onEach(
          yield* lookup.relays(payload.relay),
          (relay) =>
            Effect.flatMap(
              select(relay.outbox, payload, ["dead", "held"]),
              (ids) => relay.outbox.retry(ids, payload.reason)
            )
        )
      }),
      discard: Effect.fnUntraced(function*({ payload }) {
        const reason = payload.reason ?? "discarded by an operator"
        return yield* onEach(yield* lookup.relays(payload.relay), (relay) =>
          Effect.flatMap(
            select(relay.outbox, payload, ["pending", "held", "dead"]),
            (ids) => relay.outbox.discard(ids, reason)
          ))
      })
    })
  })
)
