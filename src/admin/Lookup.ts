/** Finds what a request names, or says what there is instead. */
import { Context, Effect, Layer } from "effect"
import { Agents } from "../agents/Agents.ts"
import type { AgentName, RelayId } from "../domain/Ids.ts"
import { NotFound } from "./AdminErrors.ts"
import { type RelayAdmin, RelayAdmins } from "./RelayAdmins.ts"

export class Lookup extends Context.Service<Lookup, {
  /** An agent that may connect. Fails where none is called that. */
  readonly agent: (name: AgentName) => Effect.Effect<AgentName, NotFound>
  /** The same, and agents that were removed while their queue was not empty: its rows and their token are still here. */
  readonly agentOrLeaving: (name: AgentName) => Effect.Effect<AgentName, NotFound>
  /** The relay of that name, or all where none is named. */
  readonly relays: (id: RelayId | undefined) => Effect.Effect<ReadonlyArray<RelayAdmin>, NotFound>
}>()("holdfast/admin/Lookup") {
  static readonly layerNoDeps = Layer.effect(
    Lookup,
    Effect.gen(function*() {
      const agents = yield* Agents
      const relayAdmins = yield* RelayAdmins

      const among = (name: AgentName, known: ReadonlyArray<AgentName>) =>
        known.includes(name)
          ? Effect.succeed(name)
          : Effect.fail(new NotFound({ message: `no agent is called "${name}"; there is ${known.join(", ")}` }))

      const agent = Effect.fn("Lookup.agent")(function*(name: AgentName) {
        return yield* among(name, yield* agents.list)
      })

      const agentOrLeaving = Effect.fn("Lookup.agentOrLeaving")(function*(name: AgentName) {
        return yield* among(name, [...(yield* agents.list), ...(yield* agents.leaving)])
      })

      const relays = Effect.fn("Lookup.relays")(function*(id: RelayId | undefined) {
        const all = yield* relayAdmins.list
        if (id === undefined) return all
        const named = all.filter((relay) => relay.id === id)
        if (named.length > 0) return named
        const known = all.map((relay) => relay.id).join(", ")
        return yield* new NotFound({ message: `no relay is called "${id}"; there is ${known}` })
      })

      return Lookup.of({ agent, agentOrLeaving, relays })
    })
  )
}
