import { Effect, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ContextEvent } from "../context/ContextState.ts"
import { WorkspaceContexts } from "../context/WorkspaceContexts.ts"
import type { AgentName } from "../domain/Ids.ts"
import { AdminApi } from "./AdminApi.ts"
import { BadRequest, Conflict } from "./AdminErrors.ts"
import type { ContextCommand } from "./ContextView.ts"
import { instant } from "./Instant.ts"
import { Lookup } from "./Lookup.ts"

const historyShown = 20

const toEvent = Effect.fnUntraced(function*(command: ContextCommand) {
  const { event, path, branch } = command
  if (event !== "Attach" && (path !== undefined || branch !== undefined)) {
    return yield* new BadRequest({ message: `${event} takes neither path nor branch; only Attach does` })
  }
  return yield* Schema.decodeUnknownEffect(ContextEvent)({ _tag: event, path, branch }).pipe(
    Effect.mapError(() => new BadRequest({ message: `${event} needs a path and a branch` }))
  )
})

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "context",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup
    const contexts = yield* WorkspaceContexts

    const view = Effect.fnUntraced(function*(agent: AgentName) {
      return {
        agent,
        state: yield* contexts.get(agent),
        facts: Array.from(yield* contexts.facts(agent)).sort(),
        history: (yield* contexts.history(agent, historyShown)).map((entry) => ({ ...entry, at: instant(entry.at) }))
      }
    })

    return handlers.handleAll({
      show: ({ query }) => Effect.flatMap(lookup.agent(query.agent), view),
      send: Effect.fnUntraced(function*({ payload }) {
        const agent = yield* lookup.agent(payload.agent)
        const event = yield* toEvent(payload)
        yield* contexts.send(agent, event, { cause: "api" }).pipe(
          Effect.mapError((error) => new Conflict({ message: error.message }))
        )
        return yield* view(agent)
      })
    })
  })
)
