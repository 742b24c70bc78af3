/** What the dashboard shows of the last hour, of lanes and of sessions. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"
import { laneView } from "./LanesView.ts"
import * as Lookup from "./Lookup.ts"
import { Samples } from "./Samples.ts"
import { sessionView } from "./SessionsView.ts"

const maxLanes = 200
const defaultSessions = 1000

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "observation",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make
    const { lastHour } = yield* Samples

    return handlers.handleAll({
      samples: () => lastHour,

      lanes: Effect.fnUntraced(function*({ query }) {
        const all = (yield* Effect.forEach(yield* lookup.relays(query.relay), ({ id, outbox }) =>
          Effect.map(outbox.lanes, (lanes) =>
            lanes.map((lane) =>
              laneView(id, lane)
            )))).flat()
        return { count: all.length, lanes: all.sort((one, other) => other.backlog - one.backlog).slice(0, maxLanes) }
      }),

      sessions: Effect.fnUntraced(function*({ query: { agent, limit = defaultSessions, relay } }) {
        if (agent !== undefined) yield* lookup.agentOrLeaving(agent)
        const all = (yield* Effect.forEach(yield* lookup.relays(relay), ({ id, sessions }) =>
          Effect.map(sessions.recent(limit), (found) =>
            found.map((session) =>
              sessionView(id, session)
            )))).flat()
        return all.filter((one) =>
          agent === undefined || one.agent === agent
        )
          .sort((one, other) => other.usedAt.epochMilliseconds - one.usedAt.epochMilliseconds).slice(0, limit)
      })
    })
  })
)
