import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"
import { NotFound } from "./AdminErrors.ts"
import * as Lookup from "./Lookup.ts"
import { resultDetail, resultView } from "./ResultsView.ts"

const defaultLimit = 100

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "results",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, agent, limit = defaultLimit, relay } }) {
        if (agent !== undefined) yield* lookup.agentOrLeaving(agent)
        const pages = yield* Effect.forEach(yield* lookup.relays(relay), ({ id, results }) =>
          Effect.map(
            results.list({ agent, limit: limit + 1, after }),
            (found) => found.map((result) => resultView(id, result))
          ))
        const all = pages.flat().sort((one, other) => one.id - other.id)
        const results = all.slice(0, limit)
        return { results, next: all.length > limit ? results.at(-1)?.id ?? null : null }
      }),
      // A person reads it: its agent is told of it all the same.
      show: Effect.fnUntraced(function*({ params: { id } }) {
        for (const relay of yield* lookup.relays(undefined)) {
          const found = yield* relay.results.find(id)
          if (Option.isSome(found)) return resultDetail(relay.id, found.value)
        }
        return yield* new NotFound({ message: `no result ${id} is kept; "holdfast results" lists them` })
      })
    })
  })
)
