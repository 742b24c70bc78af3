/** Finds what a request names, or says what there is instead. */
import { Effect } from "effect"
import { Agents } from "../agents/Agents.ts"
import type { AgentName, RelayId } from "../domain/Ids.ts"
import { RelayRegistry } from "../mcp/RelayRegistry.ts"
import { NotFound } from "./AdminErrors.ts"

const among = (name: AgentName, known: ReadonlyArray<AgentName>) =>
  known.includes(name)
    ? Effect.succeed(name)
    : Effect.fail(new NotFound({ message: `no agent is called "${name}"; there is ${known.join(", ")}` }))

export const make = Effect.gen(function*() {
  const agents = yield* Agents
  const registry = yield* RelayRegistry
  return {
    /** An agent that may connect. */
    agent: (name: AgentName) => Effect.flatMap(agents.list, (known) => among(name, known)),

    /** The same, and agents that were removed while their queue was not empty: its rows and their token are still here. */
    agentOrLeaving: Effect.fnUntraced(function*(name: AgentName) {
      return yield* among(name, [...(yield* agents.list), ...(yield* agents.leaving)])
    }),

    /** The relay of that name, or all where none is named. */
    relays: Effect.fnUntraced(function*(id: RelayId | undefined) {
      const all = yield* registry.list
      if (id === undefined) return all
      const named = all.filter((relay) => relay.id === id)
      if (named.length > 0) return named
      const known = all.map((relay) => relay.id).join(", ")
      return yield* new NotFound({ message: `no relay is called "${id}"; there is ${known}` })
    })
  }
})
