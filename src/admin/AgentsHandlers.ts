import { Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Agents } from "../agents/Agents.ts"
import type { AgentName } from "../domain/Ids.ts"
import { RelayRegistry } from "../mcp/RelayRegistry.ts"
import { AdminApi } from "./AdminApi.ts"
import { Conflict, NotFound } from "./AdminErrors.ts"
import { AgentRoster } from "./AgentRoster.ts"
import type { AgentView } from "./AgentView.ts"
import * as Lookup from "./Lookup.ts"

const refused = (error: { readonly message: string }) => new Conflict({ message: error.message })

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "agents",
  Effect.fn(function*(handlers) {
    const agents = yield* Agents
    const roster = yield* AgentRoster
    const registry = yield* RelayRegistry
    const lookup = yield* Lookup.make

    const view = Effect.fnUntraced(function*(agent: AgentName, state: AgentView["state"]) {
      const counts = yield* Effect.forEach(yield* registry.list, ({ sessions }) => sessions.countOf(agent))
      const sessions = counts.reduce((sum, count) => sum + count, 0)
      return { agent, state, sessions, undelivered: yield* roster.undelivered(agent) }
    })

    return handlers.handleAll({
      list: Effect.fnUntraced(function*() {
        const present = yield* Effect.forEach(yield* agents.list, (agent) => view(agent, "present"))
        const leaving = yield* Effect.forEach(yield* agents.leaving, (agent) => view(agent, "leaving"))
        return [...present, ...leaving]
      }),
      add: ({ payload: { agent } }) =>
        roster.add(agent).pipe(
          Effect.map((secret) => ({ agent, secret: Redacted.value(secret) })),
          Effect.mapError(refused)
        ),
      remove: Effect.fnUntraced(function*({ params }) {
        const agent = yield* lookup.agent(params.agent)
        yield* Effect.mapError(roster.remove(agent), refused)
        return yield* view(agent, "leaving")
      }),
      lease: Effect.fnUntraced(function*({ payload }) {
        const { lease, secret } = yield* "prefix" in payload
          ? Effect.mapError(roster.leaseEphemeral(payload.prefix, payload), refused)
          : roster.lease({ ...payload, ephemeral: false }).pipe(
            Effect.mapError((error) =>
              error._tag === "UnknownAgent"
                ? new NotFound({ message: `${error.message}, "holdfast agents add ${payload.agent}" adds it` })
                : refused(error)
            )
          )
        return { lease: lease.id, agent: lease.agent, secret: Redacted.value(secret) }
      }),
      release: ({ params }) => roster.release(params.lease)
    })
  })
)
