import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"
import * as Lookup from "./Lookup.ts"
import { tokenView } from "./TokenView.ts"

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "token",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make

    return handlers.handleAll({
      show: Effect.fnUntraced(function*({ query }) {
        const agent = yield* lookup.agentOrLeaving(query.agent)
        return yield* Effect.forEach(
          yield* lookup.relays(query.relay),
          (relay) => Effect.map(relay.token.status(agent), (status) => tokenView(relay.id, agent, status))
        )
      }),
      refresh: Effect.fnUntraced(function*({ payload }) {
        const agent = yield* lookup.agentOrLeaving(payload.agent)
        return yield* Effect.forEach(
          yield* lookup.relays(payload.relay),
          Effect.fnUntraced(function*(relay) {
            yield* relay.token.refresh(agent)
            if ((yield* relay.link.state)._tag === "Up") yield* relay.prove(agent)
            return tokenView(relay.id, agent, yield* relay.token.status(agent))
          })
        )
      })
    })
  })
)
