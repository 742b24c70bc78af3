/** How the relay's token is doing, as the admin API tells it; never the token. */
import { Option, Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { TokenStatus } from "../token/LiveToken.ts"
import { Instant, instantOrNull } from "./Instant.ts"

export const TokenView = Schema.Struct({
  relay: RelayId,
  agent: AgentName,
  source: Schema.String,
  state: Schema.Literals(["none", "valid", "failing", "rejected"]),
  /** Whether the relay answered anything but the opening of a session with the present token; older daemons do not say. */
  proven: Schema.optionalKey(Schema.Boolean),
  /** A digest of whom the token stands for. */
  principal: Schema.String,
  /** Who that is, where the source said; older daemons do not say. */
  name: Schema.optionalKey(Schema.String),
  expiresAt: Schema.NullOr(Instant),
  refreshes: Schema.Int,
  lastRefreshAt: Schema.NullOr(Instant),
  nextRefreshAt: Schema.NullOr(Instant),
  /** Why the last ask brought none, in the source's own words: `status` is HTTP's, `attempt` counts failures in a row. */
  lastError: Schema.NullOr(Schema.Struct({
    code: Schema.String,
    hint: Schema.String,
    status: Schema.NullOr(Schema.Int),
    attempt: Schema.Int
  }))
})
export type TokenView = typeof TokenView.Type

export const tokenView = (relay: RelayId, agent: AgentName, status: TokenStatus): TokenView => ({
  relay,
  agent,
  source: status.source,
  state: status.state,
  proven: status.proven,
  principal: status.principal,
  ...(status.name === undefined ? {} : { name: status.name }),
  expiresAt: instantOrNull(status.expiresAt),
  refreshes: status.refreshes,
  lastRefreshAt: instantOrNull(status.lastRefreshAt),
  nextRefreshAt: instantOrNull(status.nextRefreshAt),
  lastError: Option.match(status.lastError, {
    onNone: () => null,
    onSome: ({ attempt, code, hint, status = null }) => ({ code, hint, status, attempt })
  })
})
