import { Effect, Option, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Settings } from "../config/Settings.ts"
import { WorkspaceContexts } from "../context/WorkspaceContexts.ts"
import type { AgentName } from "../domain/Ids.ts"
import * as Narrowing from "../menu/Narrowing.ts"
import { AdminApi } from "./AdminApi.ts"
import { instantOrNull } from "./Instant.ts"
import { Lookup } from "./Lookup.ts"
import type { RelayAdmin } from "./RelayAdmins.ts"

const ListedTools = Schema.fromJsonString(Schema.Struct({
  tools: Schema.Array(Schema.Struct({ name: Schema.String }))
}))

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "tools",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup
    const contexts = yield* WorkspaceContexts
    const { menu } = yield* Settings
    const rules = Narrowing.compile(menu.rules)

    const view = Effect.fnUntraced(function*(relay: RelayAdmin, agent: AgentName) {
      const facts = yield* contexts.facts(agent)
      const principal = yield* relay.token.principal(agent)
      // No session's exact key: the newest list of this relay, agent and principal serves.
      const kept = yield* relay.keptLists.find(
        { agent, principal, protocolVersion: "", capabilities: "" },
        "tools/list"
      )
      const names = yield* Option.match(kept, {
        onNone: () => Effect.succeed([]),
        onSome: ({ result }) =>
          Effect.map(
            Effect.orDie(Schema.decodeEffect(ListedTools)(result)),
            ({ tools }) => tools.map((tool) => tool.name)
          )
      })
      const hides = rules(facts)
      return {
        relay: relay.id,
        agent,
        fetchedAt: instantOrNull(Option.map(kept, (list) => list.fetchedAt)),
        facts: Array.from(facts).sort(),
        visible: names.filter((name) => Option.isNone(hides(name))),
        hidden: names.flatMap((name) =>
          Option.toArray(
            Option.map(hides(name), ({ tools, needs, reason = null }) => ({ name, rule: tools, needs, reason }))
          )
        )
      }
    })

    return handlers.handleAll({
      show: Effect.fnUntraced(function*({ query }) {
        const agent = yield* lookup.agent(query.agent)
        return yield* Effect.forEach(yield* lookup.relays(query.relay), (relay) => view(relay, agent))
      })
    })
  })
)
