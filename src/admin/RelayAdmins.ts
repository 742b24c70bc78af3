/** The seam through which the admin API reaches what belongs to one relay; the runner fills it. */
import { Context, type Effect } from "effect"
import type { AgentName, RelayId } from "../domain/Ids.ts"
import type { CachedLists } from "../menu/CachedLists.ts"
import type { Outbox } from "../outbox/Outbox.ts"
import type { RelayLink } from "../relay/link/RelayLink.ts"
import type { LiveToken } from "../token/LiveToken.ts"

export interface RelayAdmin {
  readonly id: RelayId
  readonly url: URL
  readonly link: RelayLink["Service"]
  readonly token: LiveToken["Service"]
  /** Asks the relay something with the agent's token, 5 s at most, so that its status says whether the relay takes it. */
  readonly prove: (agent: AgentName) => Effect.Effect<void>
  readonly outbox: Outbox["Service"]
  readonly cachedLists: CachedLists["Service"]
  readonly sessions: {
    readonly totals: Effect.Effect<{ readonly count: number; readonly streams: number }>
    readonly countOf: (agent: AgentName) => Effect.Effect<number>
    readonly endAll: (agent: AgentName) => Effect.Effect<void>
  }
}

export class RelayAdmins extends Context.Service<RelayAdmins, {
  readonly list: Effect.Effect<ReadonlyArray<RelayAdmin>>
}>()("holdfast/admin/RelayAdmins") {}
