import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Settings } from "../config/Settings.ts"
import { WorkspaceContexts } from "../context/WorkspaceContexts.ts"
import type { AgentName } from "../domain/Ids.ts"
import type { Relay } from "../mcp/RelayRegistry.ts"
import * as Narrowing from "../menu/Narrowing.ts"
import * as Queueing from "../menu/Queueing.ts"
import { type ToolSpec, toolSpecs } from "../menu/ToolSpec.ts"
import { AdminApi } from "./AdminApi.ts"
import { instantOrNull } from "./Instant.ts"
import * as Lookup from "./Lookup.ts"
import type { ToolView } from "./ToolsView.ts"

const whyOf: Record<Queueing.Queueing["_tag"], ToolView["why"]> = {
  Queued: "named",
  Proposable: "proposable",
  ReadsOnly: "reads only",
  NeedsAnswer: "needs answer",
  NotNamed: "not named",
  Never: "never"
}

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "tools",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make
    const contexts = yield* WorkspaceContexts
    const { outbox } = yield* Settings
    const rules = yield* Narrowing.rules
    const queueingOf = Queueing.compile(outbox)

    const view = Effect.fnUntraced(function*(relay: Relay, agent: AgentName) {
      const facts = yield* contexts.facts(agent)
      const principal = yield* relay.token.principal(agent)
      // No session's exact key: the newest list of this relay, agent and principal serves.
      const cached = yield* relay.cachedLists.find(
        { agent, principal, protocolVersion: "", capabilities: "" },
        "tools/list"
      )
      const specs = Option.match(cached, { onNone: () => [], onSome: ({ result }) => [...toolSpecs(result).values()] })
      const hides = rules(facts)
      const toolView = (spec: ToolSpec): ToolView => {
        const hiddenBy = Option.map(hides(spec.name), ({ needs, reason = null, tools }) => ({ tools, needs, reason }))
        const queueing = queueingOf(spec)
        return {
          name: spec.name,
          visible: Option.isNone(hiddenBy),
          hiddenBy: Option.getOrNull(hiddenBy),
          queued: queueing._tag === "Queued",
          why: whyOf[queueing._tag],
          note: Queueing.format(queueing)
        }
      }
      return {
        relay: relay.id,
        agent,
        fetchedAt: instantOrNull(Option.map(cached, (list) => list.fetchedAt)),
        facts: Array.from(facts).sort(),
        bufferable: outbox.bufferable,
        tools: specs.map(toolView)
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
