import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { SqlError } from "effect/sql"
import { Settings } from "../config/Settings.ts"
import { WorkspaceContexts } from "../context/WorkspaceContexts.ts"
import type { AgentName } from "../domain/Ids.ts"
import type { Relay } from "../mcp/RelayRegistry.ts"
import * as Narrowing from "../menu/Narrowing.ts"
import * as Queueing from "../menu/Queueing.ts"
import { type ToolSpec, toolSpecs } from "../menu/ToolSpec.ts"
import { AdminApi } from "./AdminApi.ts"
import { Conflict, Unavailable } from "./AdminErrors.ts"
import { instantOrNull } from "./Instant.ts"
import * as Lookup from "./Lookup.ts"
import type { ToolView } from "./ToolsView.ts"
import { offered, unapproved } from "./UnapprovedTools.ts"

const diskFails = Effect.mapError(({ message }: SqlError.SqlError) =>
  new Unavailable({ message: `the database cannot be read or written: ${message}` })
)

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
    const { menu, outbox } = yield* Settings
    const worthwhile = yield* Narrowing.worthwhile
    const notNarrowed = [...menu.ignoresListChanged, ...menu.searchesTools.filter((name) => !worthwhile(name))]
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
        const hold = relay.pins.holdOf(spec.name, Option.map(cached, ({ result }) => result))
        return {
          name: spec.name,
          visible: Option.isNone(hiddenBy) && Option.isNone(hold),
          approval: relay.pins.pinned ? Option.getOrElse(hold, () => "approved" as const) : "not pinned",
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
        notNarrowed,
        bufferable: outbox.bufferable,
        tools: specs.map(toolView)
      }
    })

    return handlers.handleAll({
      show: Effect.fnUntraced(function*({ query }) {
        const agent = yield* lookup.agent(query.agent)
        return yield* Effect.forEach(yield* lookup.relays(query.relay), (relay) => view(relay, agent))
      }),

      unapproved: Effect.fnUntraced(function*({ query }) {
        return yield* Effect.forEach(yield* lookup.relays(query.relay), (relay) => diskFails(unapproved(relay)))
      }),

      approve: Effect.fnUntraced(function*({ payload }) {
        const [relay] = yield* lookup.relays(payload.relay)
        if (relay === undefined) return yield* new Conflict({ message: "no relay is served" })
        const all = yield* diskFails(offered(relay))
        const chosen = yield* Effect.forEach(payload.tools, ({ fingerprint, name }) =>
          Effect.mapError(
            Effect.fromNullishOr(all.find((one) => one.name === name && one.fingerprint === fingerprint)),
            () =>
              new Conflict({
                message: `the relay "${relay.id}" does not offer that definition of "${name}"; nothing was approved: `
                  + "look at what it offers now (holdfast tools diff)"
              })
          ))
        yield* diskFails(relay.pins.approve(chosen, all))
        return yield* diskFails(unapproved(relay))
      })
    })
  })
)
