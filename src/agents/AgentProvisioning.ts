/** What an agent needs besides its secret before it may speak: the embedded relay mints a token for each. */
import { Context, Effect } from "effect"
import type { AgentName } from "../domain/Ids.ts"

export interface Provisioning {
  /** Before the agent's first request, at each start and with each agent that is added. */
  readonly provide: (agent: AgentName) => Effect.Effect<void>
  /** Once nothing of the agent is left. */
  readonly withdraw: (agent: AgentName) => Effect.Effect<void>
}

export const AgentProvisioning = Context.Reference<Provisioning>("holdfast/agents/AgentProvisioning", {
  defaultValue: () => ({ provide: () => Effect.void, withdraw: () => Effect.void })
})
